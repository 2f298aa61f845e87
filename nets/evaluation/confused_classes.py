"""Groups of classes that are confused: spectral bisection of a confusion matrix, tested on held-out errors.

The classes are the nodes of a graph, and the number of confusions of two classes, in both directions, is the weight of
their edge. The sign of the Fiedler vector, the second eigenvector of the normalized Laplacian, is a relaxed normalized
cut (Shi and Malik 2000, "Normalized cuts and image segmentation", section 2). The groups are fitted to half of the
images and tested on the other half: errors that determine the groups would always confirm them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import laplacian

from nets.evaluation.intervals import Proportion
from nets.evaluation.metrics import Evaluation

MIN_CLASSES, MIN_ERRORS = 4, 20
"""Smallest numbers of classes, and of errors in each half of the images, for meaningful groups."""


@dataclass(frozen=True)
class ErrorGroups:
    """Two groups of classes, and the errors within and between them on held-out images."""

    groups: tuple[tuple[int, ...], tuple[int, ...]]
    """The indices of the classes of each group; the first group contains class 0."""
    within: Proportion
    """Proportion of the errors whose predicted class is in the group of the label."""
    chance: float
    """That proportion if all wrong classes were equally likely."""


def error_groups(evaluation: Evaluation) -> ErrorGroups | None:
    """Return groups fitted to every second image, with the errors on the others; None with too few classes or
    errors."""
    fit_half = np.arange(len(evaluation.labels)) % 2 == 0
    fit, held_out = (_errors(evaluation.take(np.flatnonzero(half))) for half in (fit_half, ~fit_half))
    if len(evaluation.class_names) < MIN_CLASSES or min(fit.sum(), held_out.sum()) < MIN_ERRORS:
        return None
    first_group = bisect_classes(fit)
    same = first_group[:, None] == first_group[None, :]  # (K, K)
    by_class = held_out.sum(axis=1)
    chance = by_class @ (same.sum(axis=1) - 1) / (len(first_group) - 1) / by_class.sum()
    return ErrorGroups(
        groups=(tuple(np.flatnonzero(first_group).tolist()), tuple(np.flatnonzero(~first_group).tolist())),
        within=Proportion(int(held_out[same].sum()), int(held_out.sum())),
        chance=float(chance),
    )


def bisect_classes(errors: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return (K,) whether each class is in the group of class 0, from ``errors`` (K, K) with a zero diagonal."""
    # Half an error is added between any two classes, so that a class without errors is not isolated.
    weights = errors + errors.T + 0.5 * (1 - np.eye(len(errors)))
    normalized, root_degree = laplacian(weights, normed=True, return_diag=True)
    _, vectors = np.linalg.eigh(normalized)
    fiedler = vectors[:, 1] / root_degree
    return (fiedler >= 0) == (fiedler[0] >= 0)


def _errors(evaluation: Evaluation) -> NDArray[np.int64]:
    return evaluation.confusion_matrix * (1 - np.eye(len(evaluation.class_names), dtype=np.int64))
