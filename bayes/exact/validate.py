"""Validation for exact models: hyperparameters and observations become float64, or ValueError says what is wrong."""

from math import inf
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact.numerics import matrices
from closedform.validation import shown, whole_number

SMALLEST, LARGEST = 1e-75, 1e75
"""Smallest scale and largest magnitude that are accepted, so that no ratio of squares leaves the range of float64."""

LARGEST_COUNT = 2**53
"""Largest count that is accepted. Above it, float64 does not have every whole number."""


def finite(name: str, value: Any) -> float:
    """Return ``value`` as a float; raise ValueError, with the argument's name, if it is not a finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not abs(_as_float(value)) <= LARGEST:
        raise ValueError(f"`{name}` must be a real number of magnitude at most {LARGEST:g}, got {shown(value)}.")
    return float(value)


def positive(name: str, value: Any, hint: str, large_hint: str = "use other units.") -> float:
    """Return ``value`` as a float; raise ValueError, with the argument's name, if it is not a positive real number.

    The message ends with ``hint`` if the value is too small, and with ``large_hint`` if it is too large.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not SMALLEST <= _as_float(value) <= LARGEST:
        advice = (
            "give one number."
            if not number or _as_float(value) != _as_float(value)
            else large_hint
            if _as_float(value) > 1
            else hint
        )
        raise ValueError(
            f"`{name}` must be a positive number between {SMALLEST:g} and {LARGEST:g}, got {shown(value)}; {advice}"
        )
    return float(value)


def observations(y: ArrayLike) -> NDArray[np.float64]:
    """Return ``y`` as a float64 array of shape (n,), n = 0 included, or raise ValueError."""
    values = _real_numbers(y)
    if values.ndim != 1:
        raise ValueError(f"`y` must be one-dimensional, got shape {values.shape}; flatten it with `np.ravel(y)`.")
    return _bounded(values)


def no_more_than_rows[T: np.generic](y: NDArray[T], design: NDArray[np.float64]) -> NDArray[T]:
    """Return observations (n,) of a regression, or raise ValueError if ``design`` (N, P) has fewer rows."""
    if len(y) > len(design):
        raise ValueError(f"`y` must have at most {len(design)} numbers, one a row of the design, got {len(y)}.")
    return y


def rows(y: ArrayLike, columns: int) -> NDArray[np.float64]:
    """Return ``y`` as a float64 array of shape (n, columns), n = 0 included, or raise ValueError."""
    values = _array("y", y)
    if values.size == 0:
        return np.empty((0, columns))
    if values.ndim != 2 or values.shape[1] != columns:
        raise ValueError(f"`y` must have the shape (n, {columns}), a row an observation, got {values.shape}.")
    return _bounded(_real_numbers(y))


def counts(y: ArrayLike, largest: int | None = None, columns: int | None = None) -> NDArray[np.int64]:
    """Return ``y`` as an int64 array of counts, each 0 or more and at most ``largest``, or raise ValueError.

    The shape is (n,), or (n, columns) if ``columns`` is given.
    """
    values = observations(y) if columns is None else rows(y, columns)
    limit = LARGEST_COUNT if largest is None else largest
    invalid = (values != np.round(values)) | (values < 0) | (values > limit)
    if invalid.any():
        raise ValueError(f"`y` must hold whole numbers between 0 and {limit}, got {_first(values, invalid)}.")
    return values.astype(np.int64)


def times(y: ArrayLike) -> NDArray[np.float64]:
    """Return ``y`` as a float64 array of shape (n,) with numbers of 0 or more, or raise ValueError."""
    values = observations(y)
    if (values < 0).any():
        raise ValueError(f"`y` must hold times, 0 or more, got {_first(values, values < 0)}.")
    return values


def _real_numbers(y: ArrayLike) -> NDArray[Any]:
    """Return ``y`` as an array of integers or floats, or raise ValueError."""
    values = _array("y", y)
    if values.dtype.kind == "c":
        raise ValueError(
            f"`y` must hold real numbers, got dtype {values.dtype}; pass `np.real(y)` if all imaginary parts are 0."
        )
    if values.dtype.kind not in "iuf":
        raise ValueError(
            f"`y` must hold real numbers, got dtype {values.dtype}: {shown(y)}; pass `np.array(y, dtype=float)` if "
            f"numbers are meant."
        )
    return values


def _bounded(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return observations as float64, or raise ValueError if one is not finite or too large."""
    values = values.astype(np.float64)
    invalid = ~(np.abs(values) <= LARGEST)
    if invalid.any():
        raise ValueError(
            f"`y` must hold finite numbers of magnitude at most {LARGEST:g}, got {_first(values, invalid)}; "
            f"drop the {invalid.sum()} such point(s) or mend them."
        )
    return values


def _first(values: NDArray[np.float64], invalid: NDArray[np.bool_]) -> str:
    """Return the index and value of the first number that is wrong, with all digits: y[1, 0] = 0.5."""
    place = tuple(np.argwhere(invalid)[0].tolist())
    value = float(values[place])
    return f"y[{', '.join(map(str, place))}] = {int(value) if value.is_integer() and abs(value) < 1e17 else value!r}"


def probabilities(name: str, value: ArrayLike, size: int) -> NDArray[np.float64]:
    """Return ``value`` as a float64 vector of ``size`` numbers of 0 or more that sum to 1, or raise ValueError."""
    values = _array(name, value)
    if (
        values.dtype.kind not in "iuf"
        or values.shape != (size,)
        or not np.all(values >= 0)
        or not abs(values.sum() - 1) <= 1e-9
    ):
        raise ValueError(f"`{name}` must be {size} numbers of 0 or more that sum to 1, got {shown(value)}.")
    return values


def vector(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return ``value`` as a read-only float64 vector of at least one finite number, or raise ValueError."""
    values = _array(name, value)
    if values.dtype.kind not in "iuf" or values.ndim != 1 or not values.size or not np.all(np.abs(values) <= LARGEST):
        raise ValueError(
            f"`{name}` must be a vector of one or more numbers of magnitude at most {LARGEST:g}, got {shown(value)}."
        )
    return _read_only(values)


def positive_vector(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return ``value`` as a read-only float64 vector of positive numbers, or raise ValueError."""
    values = vector(name, value)
    if not np.all(values >= SMALLEST):
        raise ValueError(f"`{name}` must hold positive numbers, at least {SMALLEST:g}, got {shown(value)}.")
    return values


def matrix(name: str, value: ArrayLike, columns: int | None = None) -> NDArray[np.float64]:
    """Return ``value`` as a read-only float64 matrix (rows, columns) of finite numbers, or raise ValueError."""
    values = _array(name, value)
    fits = values.ndim == 2 and values.size > 0 and (columns is None or values.shape[1] == columns)
    if values.dtype.kind not in "iuf" or not fits or not np.all(np.abs(values) <= LARGEST):
        column_rule = "one or more columns" if columns is None else f"{columns} column(s)"
        raise ValueError(
            f"`{name}` must be a matrix of numbers of magnitude at most {LARGEST:g} with {column_rule}, got shape "
            f"{values.shape} and dtype {values.dtype}."
        )
    return _read_only(values)


def covariance(name: str, value: ArrayLike, size: int) -> NDArray[np.float64]:
    """Return ``value`` as a read-only float64 matrix, symmetric and positive definite, or raise ValueError.

    The lower triangle is used. The matrix is tested in the same decimal arithmetic that uses it afterwards.
    """
    values = matrix(name, value, size)
    if values.shape != (size, size) or not np.allclose(values, values.T, rtol=1e-12, atol=0):
        raise ValueError(
            f"`{name}` must be a symmetric {size} x {size} matrix, got shape {values.shape}: {shown(value)}."
        )
    variances = np.diag(values)
    with matrices.digits():
        is_definite = np.all(variances > 0) and matrices.is_positive_definite(matrices.to_decimal(values))
    if not is_definite:
        raise ValueError(
            f"`{name}` must be positive definite, got {shown(value)}; drop an element that the others determine, or "
            f"add to the diagonal."
        )
    if not np.all(variances >= SMALLEST):
        raise ValueError(
            f"`{name}` must have variances between {SMALLEST:g} and {LARGEST:g} on its diagonal, got {shown(value)}; "
            f"use other units."
        )
    return _read_only(np.tril(values) + np.tril(values, -1).T)


def positive_integer(name: str, value: Any) -> int:
    """Return ``value`` as an int of 1 or more, or raise ValueError naming the argument."""
    return whole_number(name, value, f" between 1 and {LARGEST_COUNT}", 1, LARGEST_COUNT)


def number_of_observations(n: Any) -> int:
    """Return ``n`` as an int of 0 or more, or raise ValueError."""
    return whole_number("n", n, " of observations, 0 or more", 0)


def _array(name: str, value: Any) -> NDArray[Any]:
    """Return ``value`` as an array, or raise ValueError if its rows have different lengths or some are masked."""
    if np.ma.isMaskedArray(value):
        raise ValueError(
            f"`{name}` must not be a masked array; pass `{name}.compressed()` to leave the masked points out."
        )
    try:
        values = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must have rows of one length, got {shown(value)}.") from None
    converted = not hasattr(value, "dtype") and values.dtype.kind in "iuf"  # numpy turns True into a number
    if converted and any(isinstance(v, bool | np.bool_) for v in np.asarray(value, dtype=object).flat):
        raise ValueError(f"`{name}` must hold numbers and no booleans, got {shown(value)}.")
    return values


def _as_float(value: Any) -> float:
    """Return a real number as a float, which is infinite if the number is too large."""
    try:
        return float(value)
    except OverflowError:
        return inf


def _read_only(values: NDArray[Any]) -> NDArray[np.float64]:
    values = values.astype(np.float64)
    values.flags.writeable = False
    return values
