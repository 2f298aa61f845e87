"""A correct sampler fails on the registry no more often than alpha, in one stage or two; two stages detect more.

    uv run python -m benchmarks.registry                  about an hour on one core
    uv run python -m benchmarks.registry --quick          a tenth of the runs
    uv run python -m benchmarks.registry --part power     one of the three parts

A run is one family of checks over all models (``bayes.faults.false_alarms``). The power is that of
``bayes.check`` with and without ``resample`` on exact draws of the normal mean that are moved, or too wide.
Numbers in brackets are 95 % intervals (Clopper and Pearson 1934).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tyro

from bayes import check
from bayes.faults.false_alarms import families
from bayes.registry import NAMES, data_sets, get_model
from benchmarks.agreement import progress, rate, run_parts, table

ALPHAS = (0.05, 0.01, 0.001)
ERRORS = (("mean", 0.03), ("mean", 0.05), ("mean", 0.07), ("mean", 0.1), ("sd", 0.03), ("sd", 0.05), ("sd", 0.07))


@dataclass(frozen=True)
class Config:
    """Measure false alarms over the registry, and the power of two stages."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""
    part: Literal["", "power", "independent", "chains"] = ""
    """One part alone; all of them if it is empty."""


def false_alarms(config: Config, label: str, *, stay: float, draws: int, runs: int) -> None:
    """Print how often a correct sampler has a failed check on some model, and how often it has a second stage."""
    models = [model for name in NAMES for model in data_sets(name)]
    count = runs // (10 if config.quick else 1)
    runs_and_verdicts = zip(
        progress(count, f"{len(models)} data sets, {label}"),
        families(models, ALPHAS, runs=range(count), seed=config.seed, draws=draws, stay=stay),
        strict=True,
    )
    rows = [
        [
            label,
            f"{alpha:g}",
            rate(sum(family.one_stage == "fail" for family in verdicts), count),
            rate(sum(family.two_stages == "fail" for family in verdicts), count),
            rate(sum(family.resampled > 0 for family in verdicts), count),
            rate(sum(family.two_stages == "inconclusive" for family in verdicts), count),
        ]
        for alpha, verdicts in zip(
            ALPHAS, zip(*(verdicts for _, verdicts in runs_and_verdicts), strict=True), strict=True
        )
    ]
    print(f"\nFalse alarms of one family over {len(NAMES)} models with {len(models)} data sets, {count} runs:\n")
    print(table(["draws", "alpha", "one stage", "two stages", "second stage", "inconclusive"], rows))


def independent(config: Config) -> None:
    """Print the false alarms of independent draws."""
    false_alarms(config, "independent, 4 x 1000", stay=0.0, draws=1000, runs=1500)


def chains(config: Config) -> None:
    """Print the false alarms of chains that are worth a third of their draws."""
    false_alarms(config, "stay 0.5, 4 x 2000", stay=0.5, draws=2000, runs=400)


def power(config: Config) -> None:
    """Print how often an error is detected by one stage and by two, at the default false-alarm rate."""
    model = get_model("normal_normal")
    posterior = model.exact.posterior(model.y)
    count = 1000 // (10 if config.quick else 1)
    rows = []
    for statistic, size in ERRORS:
        rng = np.random.default_rng([config.seed, int(1000 * size), statistic == "sd"])

        def faulty(
            _: int, n: int, rng: np.random.Generator = rng, statistic: str = statistic, size: float = size
        ) -> dict[str, np.ndarray]:
            mu = posterior.rvs((4, n), random_state=rng)
            shift = size * posterior.std() if statistic == "mean" else size * (mu - posterior.mean())
            return {"mu": mu + shift}

        detected = [0, 0]
        for _ in progress(count, f"power, {statistic} wrong by {size:g}"):
            draws = faulty(0, 1000)
            detected[0] += check(draws, model.exact, model.y).verdict == "fail"
            detected[1] += check(draws, model.exact, model.y, resample=faulty).verdict == "fail"
        label = f"mean moved by {size:g} sd" if statistic == "mean" else f"sd {100 * size:g} % too large"
        rows.append([label, *(rate(n, count) for n in detected)])
    print("\nPower at alpha = 0.001 on 4 x 1000 independent draws, and 4 x 4000 more in a second stage:\n")
    print(table(["error", "detected in one stage", "detected in two"], rows))


PARTS: dict[str, Callable[[Config], None]] = {"power": power, "independent": independent, "chains": chains}


if __name__ == "__main__":
    run_parts("registry", PARTS, tyro.cli(Config, description=__doc__))
