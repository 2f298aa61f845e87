"""What the constants of ``bayes.checking.convergence`` and ``bayes.checking.null_distributions`` do, each swept: how
often gates close, and for which chains.

    uv run python -m benchmarks.gates                     about 20 minutes on one core
    uv run python -m benchmarks.gates --part divergences  one of the five parts

Correct chains are exact by construction (``benchmarks.agreement.Source``). Numbers in brackets are 95 % intervals
(Clopper and Pearson 1934).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tyro
from scipy.signal import lfilter
from scipy.stats import norm
from scipy.stats import t as student_t

from bayes._check import compare_with_model
from bayes.checking import null_distributions
from bayes.checking.convergence import LARGEST_RHAT, Mixing, closed_gates, effective_sizes
from bayes.checking.judging import judge
from bayes.checking.statistics import compare_draws, score
from bayes.exact.distribution import Distribution
from bayes.registry import get_model
from benchmarks.agreement import EXACT, Source, progress, rate, run_parts, table


@dataclass(frozen=True)
class Config:
    """Sweep the constants of the gates."""

    part: Literal["", "rhat", "batches", "freedom", "spread", "divergences"] = ""
    """One part alone; all of them if it is empty."""
    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""


def rhat(config: Config) -> None:
    """Print how often converged chains of 1 to 1,000 parameters find a gate closed, beside R-hat <= 1.01 alone."""
    pool = 20_000 // (10 if config.quick else 1)
    rows = []
    for chains, draws in ((4, 1_000), (4, 2_000), (32, 180)):
        source = Source(n_draws=draws, stay=0.5, chains=chains)
        rng = np.random.default_rng([config.seed, chains, draws])
        mixing: list[Mixing] = [
            score(f"theta[{i}]", EXACT, source.draw(rng)).mixing for i in progress(pool, f"R-hat, {source}")
        ]
        for parameters in (1, 10, 100, 1_000):
            runs = [mixing[i : i + parameters] for i in range(0, pool, parameters)]
            closed = sum(bool(closed_gates(run, chains, draws, 0)) for run in runs)
            plain = sum(any(mixing.rhat > LARGEST_RHAT for mixing in run) for run in runs)
            rows.append([str(source), f"{parameters:,}", rate(closed, len(runs)), rate(plain, len(runs))])
    print("\nConverged chains, worth a third of their draws, that find a gate closed:\n")
    print(table(["draws", "parameters", "a gate closes", "R-hat > 1.01"], rows))


def slow(rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return stationary chains (4, draws) of which 2 % of the variance has an autocorrelation time of 1,000."""
    rho = np.exp(-1 / 1000)
    noise = rng.normal(size=(4, draws))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    part = np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=1))
    return np.sqrt(0.98) * rng.normal(size=(4, draws)) + np.sqrt(0.02) * part


def batches(config: Config) -> None:
    """Print what the number of batches and the level of contradiction do: to slow chains, and to power."""
    runs = 400 // (10 if config.quick else 1)
    settings = [(16, 0.0), *((b, c) for b in (2, 4, 8, 16) for c in (0.05, 1.0))]
    makers: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "slow, 4 x 2500": lambda rng: slow(rng, 2_500),
        "slow, 4 x 10000": lambda rng: slow(rng, 10_000),
        "AR(1) 0.9, 4 x 2500": lambda rng: (Source(n_draws=2_500, rho=0.9).draw(rng) - 2) / 0.5,
        "independent, 0.05 sd off, 4 x 2500": lambda rng: 0.05 + rng.normal(size=(4, 2_500)),
    }
    p: dict[str, list[list[float]]] = {}
    for name, make in makers.items():
        rng = np.random.default_rng([config.seed, *name.encode()])
        p[name] = []
        for _ in progress(runs, f"batches, {name}"):
            z = make(rng)
            ess = [effective_sizes(z[None], b, c).ess[0] for b, c in settings]
            p[name].append(
                [float(null_distributions.widen(null_distributions.location_p_value(z.mean(), n), n)) for n in ess]
            )
    rows = []
    for i, (b, c) in enumerate(settings):
        label = ["Geyer alone", ""] if c == 0 else [str(b), f"{c:g}"]
        rows.append([*label, *(rate(int(np.sum(np.array(p[name])[:, i] <= 0.001)), runs) for name in makers)])
    print("\nLocation rejected at p <= 0.001, before any gate, by batches a chain and level of contradiction:\n")
    print(table(["batches", "level", *makers], rows))


def freedom(config: Config) -> None:
    """Print the false alarms of the location at 0.001, by the draws behind a degree of freedom of the ESS."""
    runs = 20_000 // (10 if config.quick else 1)
    values = (4, 10, 30, np.inf)
    rows = []
    for source in (Source(n_draws=1_000), Source(n_draws=1_000, rho=0.5), Source(n_draws=2_500, rho=0.9)):
        rng = np.random.default_rng([config.seed, source.n_draws, int(10 * source.rho)])
        p = []
        for _ in progress(runs, f"degrees of freedom, {source}"):
            z = (source.draw(rng) - 2) / 0.5
            (ess,) = effective_sizes(z[None]).ess
            score = norm.isf(null_distributions.location_p_value(z.mean(), ess) / 2)
            p.append([2 * student_t.sf(score, ess / value if np.isfinite(value) else np.inf) for value in values])
        rows.append([str(source), *(rate(int(np.sum(column <= 0.001)), runs) for column in np.array(p).T)])
    print("\nFalse alarms of the location at p <= 0.001, by effective draws a degree of freedom:\n")
    print(table(["draws", *("the normal" if np.isinf(v) else f"{v:g}" for v in values)], rows))


def spread(config: Config) -> None:
    """Print the false alarms of the evidence check by the sd between 8 runs, which has to stay small."""
    runs = 20_000 // (10 if config.quick else 1)
    rows = []
    for sd in (0.2, 0.5, 0.8, 1.2):
        rng = np.random.default_rng([config.seed, int(10 * sd)])
        p = []
        for _ in progress(runs, f"evidence runs with sd {sd:g}"):
            log_z = np.log(rng.gamma(5 / sd**2, size=(8, 5)) * sd**2 / 5).sum(axis=1)
            p.append(null_distributions.log_normal_mean_p_value(log_z))
        rows.append([f"{sd:g}", *(rate(int(np.sum(np.array(p) <= level)), runs) for level in (0.05, 0.01, 0.001))])
    print("\nFalse alarms of the evidence check, 8 runs of 5 stages of exponential weights:\n")
    print(table(["sd between runs", "p <= 0.05", "p <= 0.01", "p <= 0.001"], rows))


def divergences(config: Config) -> None:
    """Print the verdicts on NUTS beside the share of its divergences, on Neal's funnel and on the hierarchy."""
    import nutpie
    import pymc as pm

    logging.disable(logging.WARNING)
    with pm.Model() as funnel:
        v = pm.Normal("v", 0, 3)
        pm.Normal("x", 0, pm.math.exp(v / 2), shape=9)
    schools = get_model("hierarchical_normal")
    runs = 20 // (10 if config.quick else 1)
    rows = []
    for name, program in (("funnel", funnel), ("hierarchical_normal", schools.program())):
        compiled = nutpie.compile_pymc_model(program)
        for target in (0.8, 0.9, 0.95, 0.99):
            shares, failed, closed = [], 0, 0
            for run in progress(runs, f"{name}, acceptance {target:g}"):
                tree: Any = nutpie.sample(
                    compiled, draws=2000, tune=1000, chains=4, seed=run, target_accept=target, progress_bar=False
                )
                shares.append(float(tree.sample_stats["diverging"].mean()))
                draws = {name: values.to_numpy() for name, values in tree.posterior.data_vars.items()}
                checks = judge(_checks(name, draws, schools))
                failed += checks.verdict == "fail"
                closed += checks.verdict == "inconclusive"
            above = sum(share > 0.001 for share in shares)
            share_range = f"{100 * np.median(shares):.2g} % ({100 * min(shares):.2g} to {100 * max(shares):.2g})"
            rows.append([name, f"{target:g}", share_range, f"{above} of {runs}", f"{failed}", f"{closed}"])
    print("\nNUTS (nutpie), 4 x 2000 draws, the gate of divergences left open:\n")
    print(table(["model", "target", "divergent, median (range)", "above 0.1 %", "fail", "other gates close"], rows))


def _checks(name: str, draws: dict[str, np.ndarray], schools: Any) -> list[Any]:
    """Return the checks of draws against the exact model, without the gate of divergences."""
    if name != "funnel":
        return compare_with_model(draws, schools.exact, schools.y)[0]
    marginals: dict[str, Distribution] = {"v": norm(0, 3)}
    return compare_draws(marginals, {"v": draws["v"]})[0]


PARTS: dict[str, Callable[[Config], None]] = {f.__name__: f for f in (rhat, batches, freedom, spread, divergences)}


if __name__ == "__main__":
    run_parts("gates", PARTS, tyro.cli(Config, description=__doc__))
