"""The section on faulty samplers: which check detects which mistake, with how many draws."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import binom

from bayes.checking.results import ALPHA
from bayes.faults.faulty_samplers import DETECTORS, REFUSED
from closedform.verdict import Verdict
from reports.samplers.measurements import SIZES, Detections
from reports.shared.page import Numbers
from reports.shared.sampling_figures import matrix_of_shares

MUST_DETECT = 0.8
"""Share of runs in which a mistake must be detected with the most draws. All measured shares were closer to 1."""
UNLIKELY = 1e-4
"""The page fails if correct samplers fail so often that the probability of it is below this."""


def verdict(detections: Detections) -> Verdict:
    """Return ``fail`` if a mistake is not detected, or if correct samplers fail far too often."""
    return "fail" if undetected(detections) or too_many_false_alarms(detections) else "pass"


def undetected(detections: Detections) -> list[str]:
    """Return the mistakes that are not detected with the most draws."""
    return [
        faulty.name for faulty, injected, _ in detections if injected[-1].detected < MUST_DETECT * injected[-1].repeats
    ]


def too_many_false_alarms(detections: Detections) -> bool:
    """Return whether the correct variants fail or are refused far more often than the false-alarm rate allows."""
    correct_runs = [detection for _, _, correct in detections for detection in correct]
    runs, failed = (
        sum(detection.repeats for detection in correct_runs),
        sum(detection.failed + detection.by_detector[REFUSED] for detection in correct_runs),
    )
    return bool(binom.sf(failed - 1, runs, ALPHA) < UNLIKELY)


def detection_section(detections: Detections) -> Numbers:
    """Return the detection matrix, and the share of runs that pass by the number of draws."""
    return {
        "repeats": detections[0][1][-1].repeats,
        "chains": 4,
        "most_draws": SIZES[-1],
        "mistakes": {faulty.name: faulty.mistake for faulty, _, _ in detections},
        "matrix": _matrix(detections),
        "by_detector": {faulty.name: injected[-1].by_detector for faulty, injected, _ in detections},
        "detection": {
            "mistake": [faulty.name for faulty, _, _ in detections],
            "made for it": [faulty.detected_by for faulty, _, _ in detections],
            **{
                f"{n}, {variant}": [sizes[i].passed / sizes[i].repeats for sizes in column]
                for i, n in enumerate(SIZES)
                for variant, column in [
                    ("faulty", [injected for _, injected, _ in detections]),
                    ("correct", [correct for _, _, correct in detections]),
                ]
            },
            "detected": [injected[-1].detected / injected[-1].repeats for _, injected, _ in detections],
        },
        "undetected": undetected(detections),
        "too_many_false_alarms": too_many_false_alarms(detections),
    }


def _matrix(detections: Detections) -> Figure:
    shares = np.array(
        [
            [injected[-1].by_detector[detector] / injected[-1].repeats for detector in DETECTORS]
            for _, injected, _ in detections
        ]
    )
    figure, axis = plt.subplots(figsize=(10, 0.9 + 0.36 * len(detections)))
    matrix_of_shares(axis, shares, [faulty.name for faulty, _, _ in detections], DETECTORS)
    axis.xaxis.tick_top()
    for row, (faulty, _, _) in enumerate(detections):
        column = DETECTORS.index(faulty.detected_by)
        axis.add_patch(plt.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor="C1"))
    return figure
