"""Which classes are taken for one another: groups found in a confusion matrix, and whether errors stay inside them.

Classes are the nodes of a graph, and how often two are confused, either way, is the weight between them. The sign of
the Fiedler vector, the second eigenvector of the graph's normalised Laplacian, cuts it in two where the least is
confused (Shi and Malik 2000, "Normalized cuts and image segmentation", section 2). Groups found in some errors are then
judged by others: those that found them would always seem to confirm them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import laplacian

from nets.evaluation.intervals import Proportion
from nets.evaluation.metrics import Evaluation

FEWEST_CLASSES, FEWEST_ERRORS = 4, 20
"""Classes, and errors in either half of the images, for groups to mean something."""


@dataclass(frozen=True)
class ErrorGroups:
    """Two groups of classes, and the errors within and between them on images that did not find them."""

    groups: tuple[tuple[int, ...], tuple[int, ...]]
    """The classes of each, by their numbers; the group of class 0 is the first."""
    within: Proportion
    """Errors whose predicted class is in the group of the true one."""
    chance: float
    """What that share would be if an error were equally likely to be any other class."""


def error_groups(evaluation: Evaluation) -> ErrorGroups | None:
    """Return groups found in every other image and the errors of the rest; None where there are too few of either."""
    half = np.arange(len(evaluation.labels)) % 2 == 0
    finding, judging = (_errors(evaluation.take(np.flatnonzero(part))) for part in (half, ~half))
    if len(evaluation.class_names) < FEWEST_CLASSES or min(finding.sum(), judging.sum()) < FEWEST_ERRORS:
        return None
    first = two_groups(finding)
    same = first[:, None] == first[None, :]  # (K, K)
    by_class = judging.sum(axis=1)
    chance = by_class @ (same.sum(axis=1) - 1) / (len(first) - 1) / by_class.sum()
    return ErrorGroups(
        groups=(tuple(np.flatnonzero(first).tolist()), tuple(np.flatnonzero(~first).tolist())),
        within=Proportion(int(judging[same].sum()), int(judging.sum())),
        chance=float(chance),
    )


def two_groups(errors: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which classes belong with class 0, given ``errors`` (K, K) with a diagonal of zeros."""
    # Half an error more between any two, so that a class without errors is not cut off.
    weights = errors + errors.T + 0.5 * (1 - np.eye(len(errors)))
    normalised, root = laplacian(weights, normed=True, return_diag=True)
    _, vectors = np.linalg.eigh(normalised)
    fiedler = vectors[:, 1] / root
    return (fiedler >= 0) == (fiedler[0] >= 0)


def _errors(evaluation: Evaluation) -> NDArray[np.int64]:
    return evaluation.confusion * (1 - np.eye(len(evaluation.class_names), dtype=np.int64))
