"""Run a sampler on many simulated data sets, and judge it by their exact posteriors."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bayes.calibration.outcomes import Outcome, Sampler, outcome
from bayes.calibration.results import Calibration, calibration
from bayes.calibration.runs import Runs
from bayes.calibration.simulation import Simulation, exact_simulation
from closedform.multiple_testing import ALPHA
from closedform.validation import whole_number

HOPELESS = 5
"""If the sampler fails on so many data sets and has finished none, it is not run on the others."""


def calibrate(
    sample: Sampler,
    model: Any,
    *,
    datasets: int = 200,
    observations: int | None = None,
    seed: int = 0,
    alpha: float = ALPHA,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run ``sample`` on simulated data sets of ``model``, and compare its draws with their exact posteriors."""
    whole_number("datasets", datasets, ", 1 or more", 1)
    simulation = exact_simulation(model, observations)
    name = getattr(sample, "__qualname__", type(sample).__name__)
    names = tuple(simulation.quantities(simulation.data_set(seed, 0)[1]))
    about = simulation.about | {"sampler": name, "seed": seed}
    path = None if out is None else Path(out)
    with Runs(names, about, datasets, path, simulation.label) as runs:
        for result in in_this_process(simulation, sample, seed, runs.missing):
            runs.record([result])
            if result.failure and len(runs.failures) >= HOPELESS and not (runs.state == 1).any():
                break
            if progress:
                progress(datasets - len(runs.missing), datasets)
    return calibration(runs, model=simulation.label, sampler=name, seed=seed, alpha=alpha, notes=simulation.notes)


def in_this_process(simulation: Simulation, sample: Sampler, seed: int, indices: list[int]) -> Iterator[Outcome]:
    """Yield the outcome of each data set."""
    return (outcome(simulation, sample, seed, i) for i in indices)
