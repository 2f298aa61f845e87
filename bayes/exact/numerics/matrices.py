"""Small matrices in 300 decimal digits, for nearly parallel columns and data far from 0.

A matrix is an array of ``decimal.Decimal``, which NumPy adds and multiplies. A Cholesky factor of 10 rows takes 1 ms,
and one of 100 rows takes 0.8 s.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.numerics.exact_sums import dot, two_product, two_sum

DIGITS = 300
"""With so many digits, the sum of a covariance and one that is 1e150 times smaller has 150 digits of each."""
SINGULAR = Decimal("1e-40")
"""Smallest share of an element's variance that the others leave unexplained. For two float64 columns it is 1e-32."""

Matrix = NDArray[Any]
to_decimal = np.vectorize(Decimal, otypes=[object])
"""Return numbers as decimals with all their digits."""
to_float = np.vectorize(float, otypes=[float])
"""Return decimals as float64."""


def from_fraction(x: Fraction) -> Decimal:
    """Return a rational number as a decimal with ``DIGITS`` digits."""
    return Decimal(x.numerator) / Decimal(x.denominator)


PI = Decimal("3.14159265358979323846264338327950288419716939937510")


@contextmanager
def digits() -> Iterator[None]:
    """Compute with ``DIGITS`` digits inside the block."""
    with localcontext() as context:
        context.prec = DIGITS
        yield


def split(values: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return decimals rounded to float64, and their rounding errors."""
    near = to_float(values)
    return near, to_float(values - to_decimal(near))


def cholesky(M: Matrix) -> Matrix:
    """Return the lower triangular L with L L' = M. Only the lower triangle of M is read.

    Raises LinAlgError if M is not positive definite.
    """
    L = np.full(M.shape, Decimal(0))
    for j in range(len(M)):
        column = M[j:, j] - L[j:, :j] @ L[j, :j] if j else M[:, 0]
        if not column[0] > 0:
            raise np.linalg.LinAlgError(f"column {j} has no variance that those before it do not explain")
        L[j:, j] = column / column[0].sqrt()
    return L


def is_positive_definite(M: Matrix) -> bool:
    """Return whether a covariance is positive definite: each element has at least a share ``SINGULAR`` of its own."""
    try:
        unexplained = np.diag(cholesky(M)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool(np.all(unexplained > SINGULAR * np.diag(M)))


def solve_lower(L: Matrix, B: Matrix) -> Matrix:
    """Return L^-1 B of a lower triangular L."""
    X = B.copy()
    for i in range(len(L)):
        X[i] = (B[i] - (L[i, :i] @ X[:i] if i else Decimal(0))) / L[i, i]
    return X


def solve(L: Matrix, B: Matrix) -> Matrix:
    """Return (L L')^-1 B."""
    Z = solve_lower(L, B)
    return solve_lower(L.T[::-1, ::-1], Z[::-1])[::-1]


def log_det(*factors: Matrix) -> Decimal:
    """Return the logarithm of the product of the determinants |L L'|."""
    product = Decimal(1)
    for diagonal in np.concatenate([np.diag(L) for L in factors]):
        product *= diagonal
    return 2 * product.ln()


def inverse(L: Matrix) -> Matrix:
    """Return L^-1 of a lower triangular L."""
    return solve_lower(L, to_decimal(np.eye(len(L))))


def gram(X: NDArray[np.float64]) -> Matrix:
    """Return X'X, (P, P), to 32 digits."""
    P = X.shape[1]
    products = np.full((P, P), Decimal(0))
    for i in range(P):
        for j in range(i + 1):
            products[i, j] = products[j, i] = from_fraction(dot(X[:, i], X[:, j]))
    return products


def multiply(X: NDArray[np.float64], beta: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Any:
    """Return X beta as float64 with its rounding errors, for a ``beta`` that is split in the same way."""
    product, error = np.zeros(len(X)), np.zeros(len(X))
    for x, near, rest in zip(X.T, *beta, strict=True):
        term, term_error = two_product(x, near)
        product, sum_error = two_sum(product, term)
        error += sum_error + (term_error + x * rest)
    return two_sum(product, error)
