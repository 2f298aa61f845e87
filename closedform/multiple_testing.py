"""Several hypotheses at one false-alarm rate."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.001
"""Default probability that a family has a failed check although nothing is wrong."""


def holm(p_values: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Return which hypotheses, with ``p_values`` of shape (m,), are rejected at the family-wise error rate ``alpha``.

    In ascending order p_(1), ..., p_(m), reject until the first p_(i) > alpha / (m - i + 1). Then with probability at
    least 1 - alpha no true hypothesis is rejected, for any dependence between them (Holm 1979, "A simple sequentially
    rejective multiple test procedure").

    Examples
    --------
    >>> holm([0.04, 0.01, 0.02], alpha=0.05).tolist()
    [True, True, True]
    >>> holm([0.04, 0.02, 0.02], alpha=0.05).tolist()
    [False, False, False]
    """
    p = np.asarray(p_values, dtype=float)
    m = len(p)
    order = np.argsort(p, kind="stable")
    steps = p[order] <= alpha / (m - np.arange(m))
    rejected = np.empty(m, dtype=bool)
    rejected[order] = np.logical_and.accumulate(steps)
    return rejected
