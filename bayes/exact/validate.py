"""Checks at the edge of every exact model: hyperparameters and observations come in as float64 or not at all."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST, LARGEST = 1e-75, 1e75
"""Smallest scale and largest magnitude accepted, so that no ratio of squares leaves float64."""


def finite(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise ValueError naming the argument if it is no finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not abs(float(value)) <= LARGEST:
        raise ValueError(f"`{name}` must be a real number of magnitude at most {LARGEST:g}, got {value!r}.")
    return float(value)


def positive(name: str, value: Any, hint: str) -> float:
    """Return ``value`` as a float, or raise ValueError naming the argument if it is no positive real number.

    ``hint`` ends the message: why the limit is not allowed and what to do instead.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not SMALLEST <= float(value) <= LARGEST:
        raise ValueError(
            f"`{name}` must be a positive number between {SMALLEST:g} and {LARGEST:g}, got {value!r}; {hint}"
        )
    return float(value)


def observations(y: ArrayLike) -> NDArray[np.float64]:
    """Return ``y`` as a float64 array of shape (n,), n = 0 included, or raise ValueError naming what is wrong."""
    if np.ma.isMaskedArray(y):
        raise ValueError("`y` must not be a masked array; pass `y.compressed()` to leave the masked points out.")
    values = np.asarray(y)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"`y` must hold real numbers, got dtype {values.dtype}; convert it with `astype(float)`.")
    if values.ndim != 1:
        raise ValueError(f"`y` must be one-dimensional, got shape {values.shape}; flatten it with `np.ravel(y)`.")
    values = values.astype(np.float64)
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if wrong.size:
        raise ValueError(
            f"`y` must hold finite numbers of magnitude at most {LARGEST:g}, got y[{wrong[0]}] = {values[wrong[0]]}; "
            f"drop the {wrong.size} such point(s) or mend them."
        )
    return values
