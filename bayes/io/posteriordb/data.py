"""What the data of any known posterior must be, or Stan would refuse them: numbers, as many as the sizes say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact.validate import LARGEST
from closedform.validation import shown

FIXED = 4
"""The one length that a program fixes itself: the thresholds of a graded item."""


def require_possible(data: Mapping[str, Any]) -> None:
    """Raise ValueError unless every entry is a finite number, or a list as long as a size among the entries says."""
    arrays = {name: _numbers(name, value) for name, value in data.items()}
    sizes = {float(values) for values in arrays.values() if values.ndim == 0} | {FIXED}
    for name, values in arrays.items():
        for length in values.shape:
            if length not in sizes:
                raise ValueError(f"`{name}` has the length {length}, which no size among the data says.")


def whole(name: str, value: ArrayLike, low: int, high: int) -> NDArray[np.int64]:
    """Return whole numbers from ``low`` to ``high``, or raise ValueError."""
    values = _numbers(name, value)
    wrong = (values != np.round(values)) | (values < low) | (values > high)
    if wrong.any():
        raise ValueError(f"`{name}` must hold whole numbers from {low} to {high}, got {values[wrong][0]:g}.")
    return values.astype(np.int64)


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return finite numbers as an array; text that looks like a number is none."""
    try:
        values = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must be a number, or lists of one length, got {shown(value)}.") from None
    if values.dtype.kind not in "iuf" or not np.all(np.abs(values.astype(float)) <= LARGEST):
        raise ValueError(f"`{name}` must hold finite numbers of magnitude at most {LARGEST:g}, got {shown(value)}.")
    return values.astype(np.float64)
