"""The tasks that measure what verdicts are worth: faulty samplers, correct samplers, and errors of several sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes import check
from bayes.faults.false_alarms import Family, families
from bayes.faults.faulty_samplers import FAULTY_SAMPLERS, Detection, FaultySampler, detect
from bayes.registry import get_model
from reports.samplers.problem import Repeats
from reports.shared.work import Task

SIZES = (500, 2000, 8000)
"""Draws in each chain. Every mistake must be detected with the last number."""
ALPHAS = (0.2, 0.05, 0.01)
"""False-alarm rates, high enough for so few runs to count; the benchmark `benchmarks.registry` goes to 0.001."""
DRAWS = 1000
SHIFTS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
"""Errors of the mean, in posterior sds."""
FAMILIES_A_TASK = 2

type Detections = list[tuple[FaultySampler, list[Detection], list[Detection]]]
"""Each faulty sampler, its detections by size, and the detections of its correct variant by size."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The verdicts on correct samplers, and how often one stage and two stages detect shifts of the mean."""

    runs: list[list[Family]]
    repeats: int
    detected: dict[str, list[int]]


def tasks(models: Sequence[str], seed: int, repeats: Repeats) -> list[Task]:
    """Return the tasks of all measurements, in the order that ``gathered`` expects."""
    faulty = [
        Task(
            function=detections,
            arguments=(place, seed, repeats.faulty),
            label=f"faulty sampler: {sampler.name}",
            seconds=0.25 * repeats.faulty,
        )
        for place, sampler in enumerate(FAULTY_SAMPLERS)
    ]
    correct = [
        Task(
            function=false_alarms,
            arguments=(tuple(models), seed, first, min(first + FAMILIES_A_TASK, repeats.false_alarms)),
            label=f"correct samplers, runs {first + 1} and on",
            seconds=0.3 * len(models) * FAMILIES_A_TASK,
        )
        for first in range(0, repeats.false_alarms, FAMILIES_A_TASK)
    ]
    power = [
        Task(
            function=detected_shifts,
            arguments=(place, seed, repeats.power),
            label=f"an error of {shift:g} sd",
            seconds=0.05 * repeats.power,
        )
        for place, shift in enumerate(SHIFTS)
    ]
    return faulty + correct + power


def gathered(results: list[Any]) -> tuple[Detections, Rates]:
    """Return the results of ``tasks`` in the form that the sections use."""
    n = len(FAULTY_SAMPLERS)
    faulty, correct, power = results[:n], results[n : -len(SHIFTS)], results[-len(SHIFTS) :]
    one_stage, two_stages, repeats = zip(*power, strict=True)
    return (
        [(sampler, *found) for sampler, found in zip(FAULTY_SAMPLERS, faulty, strict=True)],
        Rates(
            runs=[run for runs in correct for run in runs],
            repeats=repeats[0],
            detected={"one stage": list(one_stage), "two stages": list(two_stages)},
        ),
    )


def detections(place: int, seed: int, repeats: int) -> tuple[list[Detection], list[Detection]]:
    """Run the faulty sampler at index ``place`` and its correct variant, each at every size."""
    injected, correct = (
        [detect(FAULTY_SAMPLERS[place], n=n, repeats=repeats, seed=seed, injected=fault) for n in SIZES]
        for fault in (True, False)
    )
    return injected, correct


def false_alarms(models: tuple[str, ...], seed: int, first: int, end: int) -> list[list[Family]]:
    """Return the verdicts on runs ``first`` to ``end - 1`` of a correct sampler, which draws exactly."""
    return list(families([get_model(name) for name in models], ALPHAS, runs=range(first, end), seed=seed, draws=DRAWS))


def detected_shifts(place: int, seed: int, repeats: int) -> tuple[int, int, int]:
    """Return how often one stage and two stages detect the shift at index ``place``, and the number of runs."""
    rng = np.random.default_rng([seed, place])
    model = get_model("normal_normal")
    posterior = model.exact.posterior(model.y)

    def shifted_draws(_: int, n: int) -> dict[str, np.ndarray]:
        return {"mu": posterior.rvs((4, n), random_state=rng) + SHIFTS[place] * posterior.std()}

    one_stage = two_stages = 0
    for _ in range(repeats):
        draws = shifted_draws(0, DRAWS)
        one_stage += check(draws, model.exact, model.y).verdict == "fail"
        two_stages += check(draws, model.exact, model.y, resample=shifted_draws).verdict == "fail"
    return one_stage, two_stages, repeats
