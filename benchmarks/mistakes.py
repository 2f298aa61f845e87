"""A mistake in a conjugate update is detected, thanks to data sets that weigh no more than their priors.

    uv run python -m benchmarks.mistakes            about a quarter of an hour on one core
    uv run python -m benchmarks.mistakes --quick    a tenth of the runs

Every mistake of ``bayes.faults.faulty_updates`` is judged by ``check_sampler`` with its defaults on its model: 4 x
2,000 independent draws of the wrong posterior, alpha 0.001. A mistake is detected if the verdict is ``fail``. Beside it
stands what the first data set, which people know, detects alone.
"""

import time
from dataclasses import dataclass

import tyro

from bayes._check import compare_sampler
from bayes.checking.two_stages import judge_in_two_stages
from bayes.faults.faulty_updates import MISTAKES, sampler
from bayes.registry import NAMES, data_sets
from benchmarks.agreement import progress, provenance, table


@dataclass(frozen=True)
class Config:
    """Count how often each mistake is detected."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    models: tuple[str, ...] = NAMES
    """Models whose mistakes are tried."""
    seed: int = 0
    """Seed of everything drawn."""


def main(config: Config) -> None:
    """Print the table, then the provenance."""
    start = time.perf_counter()
    count = 20 // (10 if config.quick else 1)
    rows = []
    for name in config.models:
        for label, mistake in MISTAKES[name].items():
            known_data_set = both_data_sets = 0
            for run in progress(count, f"{name}, {mistake}"):
                seed = 1000 * (config.seed + run)
                # as check_sampler does
                first, _, resample = compare_sampler(sampler(mistake), data_sets(name), seed=seed, draws=2000)
                both_data_sets += judge_in_two_stages(first, resample).verdict == "fail"
                known_checks = [check for check in first if check.model == name]  # which come first
                known_data_set += judge_in_two_stages(known_checks, resample).verdict == "fail"
            rows.append([f"`{name}`", label, f"{known_data_set}", f"{both_data_sets}"])
    print(f"\nMistakes detected, of {count} runs:\n")
    print(table(["model", "mistake", "on the known data alone", "on both data sets"], rows))
    print(provenance("mistakes", config.seed, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
