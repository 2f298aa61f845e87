"""A smooth function of two numbers, such as a sum of thousands of terms, as a polynomial on a square.

The polynomial interpolates at Chebyshev points, and its degree is that at which its coefficients end in rounding
(Trefethen 2013, Approximation Theory and Approximation Practice, chapters 3 and 8).
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

DEGREES = (24, 36, 48, 64)
"""Degrees in each number, tried in this order."""
ROUNDING = 1e-14
"""Largest coefficient of the last two degrees, relative to the largest of all, that is rounding."""
BLOCK = 2**13
"""Places that are evaluated at once, so that their powers fit in a cache."""

type Array = NDArray[np.float64]


def interpolated(f: Callable[[Array, Array], Array], half_width: float) -> Callable[[Array, Array], Array]:
    """Return a polynomial that is ``f`` to rounding on the square of that half width around 0, and ``f`` beyond it.

    Where the largest degree does not suffice, ``f`` itself is returned.
    """
    for degree in DEGREES:
        # T_j(x_i) at the Chebyshev points is an orthogonal basis: the coefficients are two products with its transpose
        x = chebyshev.chebpts1(degree + 1)
        basis = chebyshev.chebvander(x, degree)
        to_series = basis.T * (np.where(np.arange(degree + 1) == 0, 1, 2) / (degree + 1))[:, None]
        values = f(*np.meshgrid(half_width * x, half_width * x, indexing="ij"))
        series = to_series @ values @ to_series.T
        last = max(np.max(abs(series[-2:])), np.max(abs(series[:, -2:])))
        if last < ROUNDING * np.max(abs(series)):
            return lambda x, y: _evaluate(f, series, half_width, x, y)
    return f


def _evaluate(f: Callable[[Array, Array], Array], series: Array, half_width: float, x: Array, y: Array) -> Array:
    flat_x, flat_y = np.ravel(x), np.ravel(y)
    inside = np.maximum(abs(flat_x), abs(flat_y)) <= half_width
    values = np.empty(flat_x.shape)
    if not inside.all():
        values[~inside] = f(flat_x[~inside], flat_y[~inside])
    places, degree = np.flatnonzero(inside), len(series) - 1
    for block in np.array_split(places, 1 + len(places) // BLOCK):
        left = chebyshev.chebvander(flat_x[block] / half_width, degree) @ series
        values[block] = np.sum(left * chebyshev.chebvander(flat_y[block] / half_width, degree), axis=1)
    return values.reshape(np.shape(x))
