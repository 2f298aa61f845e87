"""The tasks of the page."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayes.calibration.results import Calibration
    from bayes.faults.calibrated_faults import Power as FaultPower
    from bayes.faults.faulty_kernels import KernelDetection

DATA_SETS = (20, 50, 100, 200, 500, 1000)
"""Numbers of data sets at which the power is measured."""
ERRORS = (("shift of 0.02 sd", 0.02, 1.0), ("sd 2 % too large", 0.0, 1.02), ("right", 0.0, 1.0))
"""Name, shift in posterior sds, and factor of the sd, of the samplers whose detection is measured."""
CHAINS = (1000, 10_000, 40_000)
"""Chains that make one transition."""
DRAWS = CHAINS[:2]
"""Draws of a run of the same kernel, in four chains together."""
MOST_JOINT_CHAINS = 1000
"""Chains of the joint test, each of which has its own data."""
LEVEL = 0.05
"""Level of a family in the measurement of power; all checks of the family share it."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """An engine on the data sets of a model."""

    calibration: "Calibration"
    seconds: float
    """From the program to the last draw, compilation included."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """How often a sampler with an error was detected, for each of ``DATA_SETS``."""

    name: str
    repeats: int
    pooled: list[int]
    """Repeats in which a pooled check failed."""
    ranks: list[int]
    """Repeats in which the check of the ranks failed."""


@dataclass(frozen=True, kw_only=True)
class KernelPower:
    """How often a faulty kernel was detected."""

    one: "list[KernelDetection]"
    """By one transition, for each number of chains."""
    right: "KernelDetection"
    """Its right variant, with the most chains."""
    draws: "list[KernelDetection]"
    """By ``check`` of its draws, for each of ``DRAWS``."""


def run_engine(model: str, engine: str, datasets: int, draws: int, tune: int, seed: int) -> Cell:
    """Run an engine on simulated data sets of a model, in this process."""
    from bayes.calibration.calibrating import calibrate

    started = time.perf_counter()
    result = calibrate(engine, model, datasets=datasets, draws=draws, tune=tune, seed=seed, workers=0)
    return Cell(calibration=result, seconds=time.perf_counter() - started)


def run_budgets(
    model: str, engine: str, datasets: int, budgets: Sequence[int], seed: int
) -> "list[tuple[int, Calibration]]":
    """Run an engine on the same data sets with several budgets: so many iterations of warm-up, and as many draws."""
    from bayes.calibration.calibrating import calibrate

    return [(n, calibrate(engine, model, datasets=datasets, draws=n, tune=n, seed=seed, workers=0)) for n in budgets]


def power(place: int, repeats: int, draws: int, seed: int) -> Power:
    """Measure how often the error at index ``place`` is detected, by independent draws with this error.

    In units of the exact posterior each draw is shift + factor N(0, 1), and the true value is N(0, 1), for every model
    and whatever the data.
    """
    from bayes.calibration.pooled import pooled_checks
    from bayes.calibration.ranks import positions, rank_check
    from bayes.calibration.summaries import averages
    from closedform.multiple_testing import holm

    name, shift, factor = ERRORS[place]
    rng = np.random.default_rng([seed, place])
    pooled, ranks = np.zeros((2, len(DATA_SETS)), dtype=int)
    for repeat in range(repeats):
        z = shift + factor * rng.standard_normal((DATA_SETS[-1], draws))
        truth = rng.standard_normal(DATA_SETS[-1])
        rows = np.column_stack(
            [
                averages(z, 1),
                rng.standard_normal(DATA_SETS[-1]),  # the exact medians
                np.sum(z < truth[:, None], axis=1),
                np.full(DATA_SETS[-1], draws),
                np.full(DATA_SETS[-1], draws),
            ]
        )[:, None]
        u = positions(rows, repeat)[:, 0]
        for i, N in enumerate(DATA_SETS):
            p = [check.p_value for check in pooled_checks(("z",), rows[:N])]
            pooled[i] += holm(p, LEVEL).any()
            ranks[i] += rank_check("z", u[:N]).p_value <= LEVEL
    return Power(name=name, repeats=repeats, pooled=pooled.tolist(), ranks=ranks.tolist())


def faulty_sampler(place: int, datasets: int, seed: int) -> "tuple[FaultPower, FaultPower]":
    """Measure how many data sets the pooled checks and the ranks need for the faulty sampler at index ``place``."""
    from bayes.faults.calibrated_faults import OF_DRAWS, power

    sizes = [size for size in DATA_SETS if size <= datasets]
    return power(OF_DRAWS[place], datasets=datasets, sizes=sizes, seed=seed)


def faulty_kernel(place: int, repeats: int, seed: int) -> "KernelPower":
    """Measure how often the faulty kernel at index ``place`` is detected, by one transition and by its draws."""
    from bayes.faults.faulty_kernels import FAULTY_KERNELS, detect, detections

    faulty = FAULTY_KERNELS[place]
    chains = [n for n in CHAINS if not faulty.joint or n <= MOST_JOINT_CHAINS]
    one, draws = detections(faulty, sizes=chains, draws=[n // 4 for n in DRAWS], repeats=repeats, seed=seed)
    right = detect(faulty, n=chains[-1], repeats=repeats, seed=seed, injected=False)
    return KernelPower(one=one, right=right, draws=draws)
