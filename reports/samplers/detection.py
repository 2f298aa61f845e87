"""The section on samplers that are wrong on purpose: which check sees which mistake, with how many draws."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import binom

from bayes.checking.results import ALPHA
from bayes.faults.faulty_samplers import DETECTORS, FAULTY_SAMPLERS, REFUSED, Detection, FaultySampler, detect
from closedform.verdict import Verdict
from reports.samplers.problem import Options
from reports.shared.page import Page

SIZES = (500, 2000, 8000)
"""Draws a chain; the last is what every mistake must be seen with."""
MUST_SEE = 0.8
"""Share of runs in which a mistake must be detected with the most draws; every one was measured to be nearer 1."""
UNLIKELY = 1e-4
"""Probability that as many right samplers fail below which the page says that something is wrong."""

type Detections = list[tuple[FaultySampler, list[Detection], list[Detection]]]
"""Each faulty sampler with its detections by size, and those of its correct variant."""


def detect_all(options: Options, progress: Callable[[str], None]) -> Detections:
    """Run every faulty sampler and its correct variant at every size."""
    repeats = 5 if options.quick else 20
    found: Detections = []
    for faulty in FAULTY_SAMPLERS:
        progress(f"wrong on purpose: {faulty.name}")
        injected, right = (
            [detect(faulty, n=n, repeats=repeats, seed=options.seed, injected=wrong) for n in SIZES]
            for wrong in (True, False)
        )
        found.append((faulty, injected, right))
    return found


def verdict(found: Detections) -> Verdict:
    """Return ``fail`` if a mistake is not seen, or right samplers fail far more often than they may."""
    return "fail" if missed(found) or too_many_false_alarms(found) else "pass"


def missed(found: Detections) -> list[str]:
    """Return the mistakes that are not seen with the most draws."""
    return [faulty.name for faulty, injected, _ in found if injected[-1].detected < MUST_SEE * injected[-1].repeats]


def too_many_false_alarms(found: Detections) -> bool:
    """Return whether the correct variants fail, or are refused, more often than their false-alarm rate allows."""
    every = [detection for _, _, right in found for detection in right]
    runs, failed = (
        sum(detection.repeats for detection in every),
        sum(detection.failed + detection.by_detector[REFUSED] for detection in every),
    )
    return bool(binom.sf(failed - 1, runs, ALPHA) < UNLIKELY)


def add_detection(page: Page, found: Detections) -> None:
    """Add the detection matrix and what each mistake takes to be seen."""
    page.section("Samplers that are wrong on purpose")
    page.text(
        "A check that cannot fail proves nothing. Each sampler below makes one mistake that people make, and goes "
        "through the same verdicts {repeats} times; beside it its correct variant. The most draws are "
        "{chains_control} chains of {most}; for evidence, {most} particles a run.",
        repeats=found[0][1][-1].repeats,
        chains_control=4,
        most=SIZES[-1],
    )
    for i, (faulty, _, _) in enumerate(found):
        page.text(
            f"<strong>{{fault_{i}}}.</strong> {{mistake_{i}}}",
            **{f"fault_{i}": faulty.name, f"mistake_{i}": faulty.mistake},
        )
    page.figure(
        _matrix(found),
        caption="Which check sees which mistake: the share of runs, in per cent, with the most draws. A check that is "
        "made for the mistake is framed.",
        alt="A matrix of mistakes and checks with the share of runs in which each check sees each mistake.",
    )
    page.table(
        "detection",
        "Share of runs that pass, with the mistake and without it, by the number of draws a chain. Where both are low "
        "the draws are too few for a verdict, and it is inconclusive. Detected: with the most draws a check fails or "
        "the draws are refused, or, where chains that do not converge are the mistake, that is said.",
        {
            "mistake": [faulty.name for faulty, _, _ in found],
            "made for it": [faulty.detected_by for faulty, _, _ in found],
            **{
                f"{n}, {which}": [detections[i].passed / detections[i].repeats for detections in column]
                for i, n in enumerate(SIZES)
                for which, column in [
                    ("wrong", [detection for _, detection, _ in found]),
                    ("right", [detection for _, _, detection in found]),
                ]
            },
            "detected": [injected[-1].detected / injected[-1].repeats for _, injected, _ in found],
        },
        {f"{n}, {which}": ".0%" for n in SIZES for which in ("wrong", "right")} | {"detected": ".0%"},
    )
    page.record(
        detection_matrix={faulty.name: injected[-1].by_detector for faulty, injected, _ in found},
    )
    names = missed(found)
    page.conclusion(
        "{detected_mistakes} of {mistakes} mistakes are detected with the most draws."
        + (" <strong>Not detected: {not_detected}.</strong>" if names else "")
        + (" <strong>Too many of the right samplers fail.</strong>" if too_many_false_alarms(found) else ""),
        detected_mistakes=len(found) - len(names),
        mistakes=len(found),
        not_detected=", ".join(names),
    )


def _matrix(found: Detections) -> Figure:
    shares = np.array(
        [
            [injected[-1].by_detector[detector] / injected[-1].repeats for detector in DETECTORS]
            for _, injected, _ in found
        ]
    )
    figure, axis = plt.subplots(figsize=(10, 0.9 + 0.36 * len(found)))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for row, (faulty, _, _) in enumerate(found):
        for column, detector in enumerate(DETECTORS):
            if (share := shares[row, column]) > 0:
                colour = "white" if share > 0.6 else "black"
                axis.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour)
            if detector == faulty.detected_by:
                axis.add_patch(plt.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor="C1"))
    _label(axis, [faulty.name for faulty, _, _ in found])
    return figure


def _label(axis: plt.Axes, names: Sequence[str]) -> None:
    axis.set_xticks(range(len(DETECTORS)), DETECTORS)
    axis.set_yticks(range(len(names)), names)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
