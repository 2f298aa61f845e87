"""A family raises false alarms no more often than its alpha; mean and sd see their smallest visible error 0.9 of times.

    uv run python -m benchmarks.agreement            about half an hour on one core
    uv run python -m benchmarks.agreement --quick    a tenth of the runs, 3 minutes

Chains come from AR(1) processes whose marginal is exact by construction: x_t = rho x_{t-1} + sqrt(1 - rho^2) e_t with a
standard normal start, taken to another marginal through its CDF. The family of one run has seven checks: the six of one
parameter, and the log evidence of 16 runs. Numbers in brackets are 95 % intervals (Clopper and Pearson 1934).
"""

import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
import tyro
from rich.progress import track
from scipy.signal import lfilter
from scipy.special import ndtr
from scipy.stats import binomtest, expon, norm

from bayes import nulls
from bayes.agreement import compare, compare_draws, compare_evidence
from bayes.exact.distribution import Distribution
from bayes.verdicts import holm, p_values

STEPS = {0.05: 2_000, 0.01: 2_000, 0.001: 20_000}
"""Family false-alarm rate -> number of runs it is measured in."""


@dataclass(frozen=True)
class Config:
    """Measure the false alarms and the power of ``bayes.agreement``."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Chains with a known marginal: ``n_draws`` draws of 4 AR(1) chains with correlation ``rho``."""

    rho: float
    n_draws: int
    marginal: Distribution = field(default_factory=lambda: norm(2.0, 0.5))
    name: str = "normal"
    n_runs: int = 20_000

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return draws of shape (4, n_draws)."""
        noise = rng.normal(size=(4, self.n_draws))
        noise[:, 1:] *= np.sqrt(1 - self.rho**2)
        x = noise if self.rho == 0 else np.asarray(lfilter([1.0], [1.0, -self.rho], noise, axis=1))
        return self.marginal.ppf(ndtr(x))

    def __str__(self) -> str:
        return f"{self.name}, {'independent' if self.rho == 0 else f'AR(1) {self.rho:g}'}, 4 x {self.n_draws}"


SOURCES = (
    Source(rho=0.0, n_draws=1_000),
    Source(rho=0.5, n_draws=1_000),
    Source(rho=0.9, n_draws=2_500),
    Source(rho=-0.5, n_draws=1_000, n_runs=2_000),
    Source(rho=0.0, n_draws=1_000, marginal=expon(scale=3.0), name="exponential", n_runs=2_000),
    Source(rho=0.5, n_draws=1_500, marginal=expon(scale=3.0), name="exponential", n_runs=2_000),
    Source(rho=0.9, n_draws=5_000),  # long enough that R-hat seldom withholds the verdict
)


def rate(hits: int, runs: int) -> str:
    """Return the rate and its 95 % interval, as text."""
    interval = binomtest(hits, runs).proportion_ci()
    return f"{hits / runs:.3g} [{interval.low:.2g}, {interval.high:.2g}]"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a markdown table."""
    head = list(head)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *map(list, rows)])


def progress(runs: int, what: str) -> Iterable[int]:
    """Return range(runs), with a bar on a terminal and a line elsewhere."""
    if sys.stderr.isatty():
        return track(range(runs), description=what, transient=True)
    print(f"{time.strftime('%H:%M:%S')} {runs} runs: {what}", file=sys.stderr, flush=True)
    return range(runs)


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
        p, ess, unjudged = [], [], 0
        for _ in progress(runs, str(source)):
            comparisons, _ = compare_draws({"theta": source.marginal}, {"theta": source.draw(rng)})
            comparisons.append(compare_evidence(-21.5, rng.normal(-21.5 - 0.2**2 / 2, 0.2, size=16)))
            p.append(p_values(comparisons))
            ess.append(comparisons[0].ess)
            unjudged += any(comparison.reason for comparison in comparisons)
            statistics = [comparison.statistic for comparison in comparisons]
        p = np.array(p)  # (run, check)
        attained = []
        for alpha, wanted in STEPS.items():
            n = min(runs, wanted // (10 if config.quick else 1))
            enough = alpha > 0.001 or source.n_runs >= wanted
            attained.append(rate(sum(bool(holm(row, alpha).any()) for row in p[:n]), n) if enough else "")
        families.append([str(source), f"{np.mean(ess):.0f}", *attained, rate(unjudged, runs)])
        singles.append([str(source), *(rate(int(np.sum(column <= 0.01)), runs) for column in p.T)])
    print("\nFalse alarms of the whole family of seven checks:\n")
    print(table(["draws", "ESS of the mean", *(f"alpha = {alpha:g}" for alpha in STEPS), "inconclusive"], families))
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
                    nulls.log_normal_mean_p_value(make(rng, sd, R))
                    for _ in progress(runs, f"evidence, {kind}, R = {R}, sd {sd}")
                ]
                rows.append([kind, str(R), f"{sd:g}", *(rate(int(np.sum(np.array(p) <= a)), runs) for a in STEPS)])
    print("\nFalse alarms of the evidence check by itself:\n")
    print(table(["runs", "R", "sd between runs", *(f"p <= {alpha:g}" for alpha in STEPS)], rows))


def power(config: Config) -> None:
    """Print how often a shift and a wrong scale are seen by the check made for them, and by the family."""
    runs = 1_000 // (10 if config.quick else 1)
    exact = norm(2.0, 0.5)
    rows = []
    for n_draws in (250, 2_500):
        rng = np.random.default_rng([config.seed, n_draws])
        right = Source(rho=0.0, n_draws=n_draws)
        visible = {
            check.statistic: check.smallest_visible / 0.5
            for check in compare(
                {"theta": exact}, {"theta": right.draw(rng)}, log_evidence=0.0, log_evidence_runs=rng.normal(size=16)
            )
        }
        wrongs = [
            *(("mean", d, norm(2.0 + 0.5 * d, 0.5)) for d in (0.05, 0.1, 0.2, visible["mean"])),
            *(("sd", d, norm(2.0, 0.5 * (1 + d))) for d in (0.02, 0.05, 0.1, 0.2, visible["sd"])),
        ]
        for statistic, d, wrong in wrongs:
            source = Source(rho=0.0, n_draws=n_draws, marginal=wrong)
            seen = Counter()
            for _ in progress(runs, f"power, {4 * n_draws} draws, {statistic} wrong by {d:.2g} sd"):
                checks = compare(
                    {"theta": exact},
                    {"theta": source.draw(rng)},
                    log_evidence=0.0,
                    log_evidence_runs=rng.normal(-(0.2**2) / 2, 0.2, size=16),
                )
                seen["family"] += checks.verdict == "fail"
                seen["check"] += any(c.statistic == statistic and c.verdict == "fail" for c in checks)
            is_visible = " (smallest visible)" if d == visible[statistic] else ""
            what = f"mean shifted by {d:.3g} sd" if statistic == "mean" else f"sd {100 * d:.3g} % too large"
            rows.append([f"{4 * n_draws}", what + is_visible, rate(seen["check"], runs), rate(seen["family"], runs)])
    print("\nPower at the family's alpha = 0.001, independent draws:\n")
    print(table(["draws", "error", "seen by its own check", "seen by the family"], rows))


def main(config: Config) -> None:
    """Print the tables, then the provenance."""
    start = time.perf_counter()
    false_alarms(config)
    evidence_false_alarms(config)
    power(config)
    print(provenance("agreement", config.seed, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
