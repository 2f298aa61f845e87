"""Correct samplers pass ``check_sampler`` at its defaults: exact chains of several efficiencies, and NUTS.

    uv run python -m benchmarks.right_samplers                     exact chains: 300 runs
    uv run python -m benchmarks.right_samplers --engines nutpie    NUTS of that name, several seeds

A run is a call of ``bayes.check_sampler`` over the registry, both data sets a model, 4 x 2000 draws, and the second
stage where there is one. Exact chains stay where they are with probability s, and are worth (1 - s) / (1 + s) of their
draws. Numbers in brackets are 95 % intervals (Clopper and Pearson 1934).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro
import xarray as xr

from bayes import check_sampler
from bayes.faults.false_alarms import exact_chains
from bayes.io.draws import DrawsLike
from bayes.registry import Model
from benchmarks.agreement import progress, provenance, rate, table

STAYS = {1.0: 0.0, 0.54: 0.2987, 0.33: 0.5038}
"""Worth of a draw -> probability to stay: s = (1 - w) / (1 + w)."""


@dataclass(frozen=True)
class Config:
    """Count the verdicts of check_sampler on correct samplers."""

    engines: tuple[str, ...] = ()
    """Implementations of NUTS to run instead of exact chains."""
    runs: int = 100
    """Runs an efficiency of exact chains."""
    seeds: int = 5
    """Seeds an engine."""
    seed: int = 0
    """Seed of everything drawn."""


def exact_sampler(seed: int, run: int, stay: float) -> Callable[[Model, int, int], DrawsLike]:
    """Return a sampler that draws from the exact posterior, in chains that stay."""

    def sample(model: Model, place: int, n: int) -> DrawsLike:
        return exact_chains(model, np.random.default_rng([seed, run, place]), n, stay)

    return sample


def nuts_sampler(engine: str) -> Callable[[Model, int, int], DrawsLike]:
    """Return a sampler that runs an implementation of NUTS."""
    from bayes.sampling.engines import ENGINES

    def sample(model: Model, seed: int, n: int) -> DrawsLike:
        posterior, stats = ENGINES[engine](model.program(), seed=seed, draws=n, chains=4, tune=1000)
        return xr.DataTree.from_dict({"/posterior": posterior, "/sample_stats": stats})

    return sample


def verdicts(label: str, samplers: list[tuple[int, Callable[[Model, int, int], DrawsLike]]]) -> list[str]:
    """Return a row of the table: how many runs passed, and why the others did not."""
    counts: Counter[str] = Counter()
    reason_counts: Counter[str] = Counter()
    for i in progress(len(samplers), label):
        seed, sample = samplers[i]
        checks: Any = check_sampler(sample, seed=seed)
        counts[checks.verdict] += 1
        reason_counts.update(
            {f"{c.model}: {c.parameter} {c.statistic} {c.reason}" for c in checks if c.verdict != "pass"}
        )
    reasons = "; ".join(f"{reason} ({n})" for reason, n in reason_counts.most_common(3))
    return [label, rate(counts["pass"], len(samplers)), str(counts["inconclusive"]), str(counts["fail"]), reasons]


def main(config: Config) -> None:
    """Print the table, then the provenance."""
    start = time.perf_counter()
    logging.disable(logging.WARNING)
    if config.engines:
        rows = [
            verdicts(
                engine, [(1000 * seed, nuts_sampler(engine)) for seed in range(config.seed, config.seed + config.seeds)]
            )
            for engine in config.engines
        ]
    else:
        rows = [
            verdicts(
                f"exact, {100 * worth:g} %", [(0, exact_sampler(config.seed, run, stay)) for run in range(config.runs)]
            )
            for worth, stay in STAYS.items()
        ]
    print(table(["sampler", "pass", "inconclusive", "fail", "not passed"], rows))
    print(provenance("right_samplers", config.seed, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
