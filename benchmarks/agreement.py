"""A family raises false alarms no more often than its alpha; location and scale detect their minimum effect.

    uv run python -m benchmarks.agreement            about 25 minutes on one core
    uv run python -m benchmarks.agreement --quick    a tenth of the runs
    uv run python -m benchmarks.agreement --part power    one of the four parts

Chains are exact by construction: AR(1) processes x_t = rho x_{t-1} + sqrt(1 - rho^2) e_t with a standard normal start,
and chains that stay where they are with some probability, as those of Metropolis do. Draws are judged as normal scores,
so another marginal would give the same numbers. The family of one run has four checks: the three of one parameter, and
the log evidence of 16 runs. Numbers in brackets are 95 % intervals (Clopper and Pearson 1934).
"""

import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import tyro
from arviz_stats.base import array_stats
from rich.progress import track
from scipy.signal import lfilter
from scipy.stats import binomtest, gamma, kstest, laplace, norm, t

from bayes.checking import null_distributions
from bayes.checking.evidence import compare_evidence
from bayes.checking.judging import p_values
from bayes.checking.results import Checks
from bayes.checking.statistics import compare, compare_draws
from bayes.exact.distribution import Distribution
from closedform.multiple_testing import holm

STEPS = {0.05: 2_000, 0.01: 2_000, 0.001: 20_000}
"""Family false-alarm rate -> number of runs it is measured in."""


@dataclass(frozen=True)
class Config:
    """Measure the false alarms and the power of ``bayes.checking.statistics``."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""
    part: Literal["", "false_alarms", "evidence", "power", "uniformity"] = ""
    """One part alone; all of them if it is empty."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Chains of ``n_draws`` draws: AR(1) with correlation ``rho``, or staying with probability ``stay``.

    ``shape`` is the distribution of independent faulty draws.
    """

    n_draws: int
    rho: float = 0.0
    stay: float = 0.0
    shape: Distribution | None = None
    n_runs: int = 20_000
    chains: int = 4

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return draws of shape (chains, n_draws), of mean 2 and sd 0.5 if they are correct."""
        if self.shape is not None:
            return 2 + 0.5 * self.shape.rvs(size=(self.chains, self.n_draws), random_state=rng)
        z = rng.normal(size=(self.chains, self.n_draws))
        if self.rho:
            z[:, 1:] *= np.sqrt(1 - self.rho**2)
            z = np.asarray(lfilter([1.0], [1.0, -self.rho], z, axis=1))
        if self.stay:
            chain, iteration = np.indices(z.shape)
            last_move = np.maximum.accumulate(np.where(rng.random(z.shape) < self.stay, 0, iteration), axis=1)
            z = z[chain, last_move]
        return 2 + 0.5 * z

    def __str__(self) -> str:
        kind = f"AR(1) {self.rho:g}" if self.rho else f"stay {self.stay:g}" if self.stay else "independent"
        return f"{kind}, {self.chains} x {self.n_draws}"


EXACT = norm(2.0, 0.5)
SOURCES = (
    Source(n_draws=1_000),
    Source(rho=0.5, n_draws=1_000),
    Source(rho=0.9, n_draws=2_500),
    Source(rho=0.9, n_draws=5_000),
    Source(rho=-0.5, n_draws=1_000, n_runs=2_000),
    Source(stay=0.5, n_draws=2_000, n_runs=2_000),
    Source(stay=0.9, n_draws=5_000, n_runs=2_000),
)
SHAPES = {
    "Student t, 8 degrees of freedom": t(8),
    "the same, of sd 1": t(8, scale=(6 / 8) ** 0.5),
    "Laplace, of sd 1": laplace(scale=0.5**0.5),
    "gamma of shape 30, of sd 1": gamma(30, loc=-(30**0.5), scale=30**-0.5),
}


def rate(hits: int, runs: int) -> str:
    """Return the rate and its 95 % interval, as text."""
    interval = binomtest(hits, runs).proportion_ci()
    return f"{hits / runs:.3g} [{interval.low:.2g}, {interval.high:.2g}]"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a markdown table."""
    head = list(head)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *map(list, rows)])


def progress(runs: int, description: str) -> Iterable[int]:
    """Return range(runs), with a bar on a terminal and a line elsewhere."""
    if sys.stderr.isatty():
        return track(range(runs), description=description, transient=True)
    print(f"{time.strftime('%H:%M:%S')} {runs} runs: {description}", file=sys.stderr, flush=True)
    return range(runs)


def run_parts(benchmark: str, parts: Mapping[str, Callable[[Any], None]], config: Any) -> None:
    """Print the tables of ``config.part``, or of all parts, then the provenance."""
    start = time.perf_counter()
    for part in [config.part] if config.part else parts:
        parts[part](config)
    print(provenance(benchmark, config.seed, start))


def provenance(benchmark: str, seed: int, start: float) -> str:
    """Return where the tables come from: the command, how long it took since ``start``, and the versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("arviz-stats", "numpy", "scipy"))
    command = " ".join([f"python -m benchmarks.{benchmark}", *sys.argv[1:]])
    minutes = (time.perf_counter() - start) / 60
    return f"\n`{command}`, seed {seed}: {minutes:.0f} minutes, Python {platform.python_version()}, {packages}"


def false_alarms(config: Config) -> None:
    """Print the attained false-alarm rate of the family, and of each check by itself."""
    families, singles, statistics = [], [], []
    for source in SOURCES:
        rng = np.random.default_rng([config.seed, SOURCES.index(source)])
        runs = source.n_runs // (10 if config.quick else 1)
        p, ess, inconclusive = [], [], 0
        for _ in progress(runs, str(source)):
            checks, _ = compare_draws({"theta": EXACT}, {"theta": source.draw(rng)})
            checks.append(compare_evidence(-21.5, rng.normal(-21.5 - 0.2**2 / 2, 0.2, size=16)))
            p.append(p_values(checks))
            ess.append(checks[0].ess)
            inconclusive += any(check.reason for check in checks)
            statistics = [check.statistic for check in checks]
        p = np.array(p)  # (run, check)
        attained = []
        for alpha, n_runs in STEPS.items():
            n = min(runs, n_runs // (10 if config.quick else 1))
            enough = alpha > 0.001 or source.n_runs >= n_runs
            attained.append(rate(sum(bool(holm(row, alpha).any()) for row in p[:n]), n) if enough else "")
        families.append([str(source), f"{np.mean(ess):.0f}", *attained, rate(inconclusive, runs)])
        singles.append([str(source), *(rate(int(np.sum(column <= 0.01)), runs) for column in p.T)])
    print("\nFalse alarms of the family of four checks:\n")
    print(table(["draws", "ESS of the location", *(f"alpha = {alpha:g}" for alpha in STEPS), "inconclusive"], families))
    print("\nFalse alarms of each check by itself at p <= 0.01:\n")
    print(table(["draws", *statistics], singles))


def evidence_false_alarms(config: Config) -> None:
    """Print the attained false-alarm rate of the evidence check, on log-normal runs and on products of means."""
    makers: dict[str, Callable[[np.random.Generator, float, int], np.ndarray]] = {
        "log-normal": lambda rng, sd, R: rng.normal(-(sd**2) / 2, sd, size=R),
        # Five SMC stages, each the mean of n exponential weights: relative variance 1/n a stage.
        "5 stages of n weights": lambda rng, sd, R: np.log(rng.gamma(5 / sd**2, size=(R, 5)) * sd**2 / 5).sum(axis=1),
    }
    runs = 20_000 // (10 if config.quick else 1)
    rows = []
    for kind, make in makers.items():
        for R in (8, 16, 32):
            for sd in (0.05, 0.2, 0.5):
                rng = np.random.default_rng([config.seed, R, int(100 * sd)])
                p = [
                    null_distributions.log_normal_mean_p_value(make(rng, sd, R))
                    for _ in progress(runs, f"evidence, {kind}, R = {R}, sd {sd}")
                ]
                rows.append([kind, str(R), f"{sd:g}", *(rate(int(np.sum(np.array(p) <= a)), runs) for a in STEPS)])
    print("\nFalse alarms of the evidence check by itself:\n")
    print(table(["runs", "R", "sd between runs", *(f"p <= {alpha:g}" for alpha in STEPS)], rows))


def power(config: Config) -> None:
    """Print how often a shift and a wrong scale are detected by the check made for them, and by the family."""
    runs = 1_000 // (10 if config.quick else 1)
    rows = []
    for n_draws in (250, 2_500):
        rng = np.random.default_rng([config.seed, n_draws])
        correct = Source(n_draws=n_draws)

        def run_checks(source: Source, rng: np.random.Generator = rng) -> Checks:
            evidence = rng.normal(-(0.2**2) / 2, 0.2, size=16)
            draws = {"theta": source.draw(rng)}
            return compare({"theta": EXACT}, draws, log_evidence=0.0, log_evidence_runs=evidence)

        detectable = {check.statistic: check.minimum_detectable_effect for check in run_checks(correct)}
        errors = [
            *(("location", d, norm(d, 1)) for d in (0.05, 0.1, 0.2, detectable["location"])),
            *(("scale", d, norm(0, 1 + d)) for d in (0.02, 0.05, 0.1, 0.2, detectable["scale"])),
        ]
        for statistic, d, faulty in errors:
            detected = Counter()
            for _ in progress(runs, f"power, {4 * n_draws} draws, {statistic} wrong by {d:.2g} sd"):
                checks = run_checks(Source(n_draws=n_draws, shape=faulty))
                detected["family"] += checks.verdict == "fail"
                detected["check"] += any(c.statistic == statistic and c.verdict == "fail" for c in checks)
            is_detectable = " (minimum detectable)" if d == detectable[statistic] else ""
            error = f"mean shifted by {d:.3g} sd" if statistic == "location" else f"sd {100 * d:.3g} % too large"
            rows.append(
                [f"{4 * n_draws}", error + is_detectable, rate(detected["check"], runs), rate(detected["family"], runs)]
            )
    print("\nPower at the family's alpha = 0.001, independent draws:\n")
    print(table(["draws", "error", "detected by its own check", "detected by the family"], rows))


def uniformity(config: Config) -> None:
    """Print how the uniformity check does beside Kolmogorov's distance and ArviZ's POT-C on thinned draws."""
    runs = 2_000 // (10 if config.quick else 1)
    sources = {str(source): source for source in SOURCES}
    sources |= {name: Source(n_draws=1_000, shape=shape) for name, shape in SHAPES.items()}
    rows = []
    for name, source in sources.items():
        rng = np.random.default_rng([config.seed, 2, list(sources).index(name)])
        p = []
        for _ in progress(runs, f"uniformity, {name}"):
            draws = source.draw(rng)
            checks = compare_draws({"theta": EXACT}, {"theta": draws})[0]
            u = EXACT.cdf(draws)
            thinned = u[:, :: max(1, round(u.size / min(checks[0].ess, checks[1].ess)))].ravel()
            pot_c: Any = array_stats.uniformity_test(thinned, method="pot_c")
            p.append([checks[2].p_value, kstest(thinned, "uniform").pvalue, float(pot_c[0])])
        columns = np.array(p).T
        rows.append([name, *(rate(int(np.sum(c <= level)), runs) for level in (0.01, 0.001) for c in columns)])
    names = ["uniformity", "Kolmogorov", "POT-C"]
    print("\nUniformity beside two tests of thinned draws, correct draws first:\n")
    print(table(["draws", *(f"{name}, p <= {level:g}" for level in (0.01, 0.001) for name in names)], rows))


PARTS: dict[str, Callable[[Config], None]] = {
    "false_alarms": false_alarms,
    "evidence": evidence_false_alarms,
    "power": power,
    "uniformity": uniformity,
}


if __name__ == "__main__":
    run_parts("agreement", PARTS, tyro.cli(Config, description=__doc__))
