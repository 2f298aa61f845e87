"""A right sampler fails on the registry no more often than alpha, in one stage or two; and two stages see more.

    uv run python -m benchmarks.registry            about 40 minutes on one core
    uv run python -m benchmarks.registry --quick    a tenth of the runs

A run is one family of checks over all models (``bayes.calibration``). The power is that of ``bayes.check.check`` with
and without ``redraw`` on exact draws of the normal mean that are moved, or too wide. Numbers in brackets are 95 %
intervals (Clopper and Pearson 1934).
"""

import time
from dataclasses import dataclass

import numpy as np
import tyro

from bayes.calibration import families
from bayes.check import check
from bayes.models import NAMES, data_sets, model
from benchmarks.agreement import progress, provenance, rate, table

ALPHAS = (0.05, 0.01, 0.001)
CHAINS = ((0.0, 1000, 1500), (0.5, 2000, 400))
"""(probability to stay, draws a chain, runs)"""
ERRORS = (("mean", 0.03), ("mean", 0.05), ("mean", 0.07), ("mean", 0.1), ("sd", 0.03), ("sd", 0.05), ("sd", 0.07))


@dataclass(frozen=True)
class Config:
    """Measure false alarms over the registry, and the power of two stages."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""


def false_alarms(config: Config) -> None:
    """Print how often a right sampler has a failed check on some model, and how often it is asked for more."""
    models = [one for name in NAMES for one in data_sets(name)]
    rows = []
    for stay, draws, wanted in CHAINS:
        count = wanted // (10 if config.quick else 1)
        runs = zip(
            progress(count, f"{len(models)} data sets, 4 x {draws} draws, stay {stay:g}"),
            families(models, ALPHAS, count=count, seed=config.seed, draws=draws, stay=stay),
            strict=True,
        )
        for alpha, verdicts in zip(ALPHAS, zip(*(verdicts for _, verdicts in runs), strict=True), strict=True):
            rows.append(
                [
                    f"{'independent' if stay == 0 else f'stay {stay:g}'}, 4 x {draws}",
                    f"{alpha:g}",
                    rate(sum(family.one_stage == "fail" for family in verdicts), count),
                    rate(sum(family.two_stages == "fail" for family in verdicts), count),
                    rate(sum(family.drawn_again > 0 for family in verdicts), count),
                    rate(sum(family.two_stages == "inconclusive" for family in verdicts), count),
                ]
            )
    print(f"\nFalse alarms of one family over {len(NAMES)} models with {len(models)} data sets:\n")
    print(table(["draws", "alpha", "one stage", "two stages", "asked for more", "inconclusive"], rows))


def power(config: Config) -> None:
    """Print how often an error is seen by one stage and by two, at the default false-alarm rate."""
    one = model("normal_normal")
    posterior = one.exact.posterior(one.y)
    count = 1000 // (10 if config.quick else 1)
    rows = []
    for statistic, size in ERRORS:
        rng = np.random.default_rng([config.seed, int(1000 * size), statistic == "sd"])

        def wrong(
            _: int, n: int, rng: np.random.Generator = rng, statistic: str = statistic, size: float = size
        ) -> dict[str, np.ndarray]:
            mu = posterior.rvs((4, n), random_state=rng)
            shift = size * posterior.std() if statistic == "mean" else size * (mu - posterior.mean())
            return {"mu": mu + shift}

        seen = [0, 0]
        for _ in progress(count, f"power, {statistic} wrong by {size:g}"):
            draws = wrong(0, 1000)
            seen[0] += check(draws, one.exact, one.y).verdict == "fail"
            seen[1] += check(draws, one.exact, one.y, redraw=wrong).verdict == "fail"
        what = f"mean moved by {size:g} sd" if statistic == "mean" else f"sd {100 * size:g} % too large"
        rows.append([what, *(rate(n, count) for n in seen)])
    print("\nPower at alpha = 0.001 on 4 x 1000 independent draws, and 4 x 4000 more if they are asked for:\n")
    print(table(["error", "seen in one stage", "seen in two"], rows))


def main(config: Config) -> None:
    """Print the tables, then the provenance."""
    start = time.perf_counter()
    power(config)
    false_alarms(config)
    print(provenance("registry", config.seed, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
