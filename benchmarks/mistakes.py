"""A sampler that gets a conjugate update wrong is caught, thanks to the data sets whose priors weigh as much.

    uv run python -m benchmarks.mistakes            about a quarter of an hour on one core
    uv run python -m benchmarks.mistakes --quick    a tenth of the runs

Every mistake of ``bayes.faults.faulty_updates`` is judged by ``check_sampler`` with its defaults on its model: 4 x
2,000 independent draws of the wrong posterior, alpha 0.001. Caught is a verdict of ``fail``; beside it stands what the
data set that people know shows by itself.
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
    """Count how often each mistake is caught."""

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
        for mistake, wrong in MISTAKES[name].items():
            first_alone = both = 0
            for run in progress(count, f"{name}, {mistake}"):
                seed = 1000 * (config.seed + run)
                # as check_sampler does
                first, _, resample = compare_sampler(sampler(wrong), data_sets(name), seed=seed, draws=2000)
                both += judge_in_two_stages(first, resample).verdict == "fail"
                known = [check for check in first if check.model == name]  # which come first
                first_alone += judge_in_two_stages(known, resample).verdict == "fail"
            rows.append([f"`{name}`", mistake, f"{first_alone}", f"{both}"])
    print(f"\nMistakes caught, of {count} runs:\n")
    print(table(["model", "mistake", "on the known data alone", "on both data sets"], rows))
    print(provenance("mistakes", config.seed, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
