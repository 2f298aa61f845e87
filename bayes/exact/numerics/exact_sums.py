"""Sums and products with their rounding errors, so that cancellation loses nothing."""

from fractions import Fraction
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF = 2.0**27 + 1


def moments_about(y: NDArray[np.float64], centre: float) -> tuple[int, Fraction, Fraction, Fraction]:
    """Return n, ybar, ybar - centre and sum (y_i - ybar)^2, without loss of digits by cancellation.

    They are rational numbers. The error of ybar is about 1e-16 of the differences between the data, not of the mean.
    The squares are taken around ybar (the corrected two-pass algorithm; Chan, Golub and LeVeque 1983, "Algorithms for
    computing the sample variance", eq. 1.7), and are right to 1e-16 of the rounding error of ybar. Without observations
    all are 0.

    Examples
    --------
    >>> n, ybar, distance, scatter = moments_about(np.array([1e16, 1.0, -1e16]), centre=0.0)
    >>> float(ybar), float(distance)
    (0.3333333333333333, 0.3333333333333333)
    """
    n = len(y)
    if n == 0:
        return 0, Fraction(), Fraction(), Fraction()
    near = float(y.mean())
    rest, errors = two_sum(y, -near)
    correction = Fraction(fsum(rest.tolist()) + float(errors.sum())) / n
    ybar = Fraction(near) + correction
    squares = dot(rest, rest) + 2 * Fraction(float(rest @ errors))
    return n, ybar, ybar - Fraction(centre), squares - n * correction**2


def dot(x: NDArray[np.float64], y: NDArray[np.float64]) -> Fraction:
    """Return x . y to 32 digits, relative to the sum of the absolute products; products are added in pairs.

    Ogita, Rump and Oishi 2005, "Accurate sum and dot product", algorithm 5.3, in another order.
    """
    sums, product_errors = two_product(x, y)
    error = Fraction(float(product_errors.sum()))
    while len(sums) > 1:
        odd = sums[len(sums) // 2 * 2 :]
        pairs, pair_errors = two_sum(sums[: len(sums) // 2], sums[len(sums) // 2 : len(sums) // 2 * 2])
        error += Fraction(float(pair_errors.sum())) + sum(map(Fraction, odd.tolist()))
        sums = pairs
    return error + sum(map(Fraction, sums.tolist()))


def total(counts: NDArray[np.int64]) -> int:
    """Return the sum of counts, which may be too large for int64."""
    high = counts >> 31
    return (int(high.sum()) << 31) + int((counts - (high << 31)).sum())


def split(x: Fraction) -> tuple[float, float]:
    """Return x rounded, and its rounding error, rounded."""
    near = float(x)
    return near, float(x - Fraction(near))


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a + b rounded, and its exact rounding error (Knuth; Ogita, Rump and Oishi 2005, algorithm 3.1).

    "Accurate sum and dot product".
    """
    rounded = a + b
    b_virtual = rounded - a
    return rounded, (a - (rounded - b_virtual)) + (b - b_virtual)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a b rounded, and its exact rounding error (Dekker and Veltkamp; ibid., algorithm 3.3)."""
    rounded = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return rounded, a2 * b2 - (((rounded - a1 * b1) - a2 * b1) - a1 * b2)


def difference_of_products(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return a b - c d as if rounded only once, even if the products nearly cancel."""
    (ab, ab_error), (cd, cd_error) = two_product(a, b), two_product(c, d)
    difference, error = two_sum(ab, -cd)
    return difference + (error + (ab_error - cd_error))


def _halves(a: Any) -> tuple[Any, Any]:
    """Return a as the sum of two numbers of 26 bits."""
    large = _HALF * np.asarray(a, dtype=float)
    high = large - (large - a)
    return high, a - high
