r"""Ratios of gamma functions, in logarithms, that keep their digits.

log Gamma(a + n) - log Gamma(a) is a difference of two numbers near a log a. At a = 1e16 it has no digit left. Here
every log-gamma is split as in Stirling's formula (NIST DLMF, 5.11), ::

    log x! = x log x - x + r(x),        r(x) = 1/2 log(2 pi x) + 1/(12 x) - ... for large x,    r(0) = 0

and the rest of the large terms x log x is written as deviances, D(x, m) = x log(x / m) + m - x. Deviances are never
negative, so they do not cancel (Loader 2000, "Fast and accurate computation of binomial probabilities"; DiDonato and
Morris 1992, "Algorithm 708", have the same split for the incomplete beta function). Important
differences x - m are computed in rational numbers, ``fractions.Fraction``, and rounded once.

All functions are right to a few units of 1e-16, relative to max(1, abs(answer)), for any arguments. See
``benchmarks/exactness.py``.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from bayes.exact.numerics.exact_sums import difference_of_products
from bayes.exact.numerics.matrices import PI, digits, from_fraction

LARGE = 10.0
"""From here on Stirling's series is right to rounding."""
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
"""B_2k / (2k (2k - 1)), the coefficients of x^-(2k - 1) in DLMF 5.11.1."""
_NEAR = 0.1
"""Up to which |x - m| / (x + m) the deviance is a series: beyond it the plain formula loses one digit at most."""
_ATANH = tuple(1 / (2 * j + 3) for j in range(9))
"""Coefficients of v^2j in (atanh(v) / v - 1) / v^2."""


def remainder(x: ArrayLike) -> Any:
    """Return r(x) = log x! - x log x + x of x >= 0, what Stirling's leading terms leave of log Gamma(x + 1).

    Examples
    --------
    >>> remainder([0.0, 1.0, 1e16]).round(4).tolist()
    [0.0, 1.0, 19.3396]
    """
    x = np.asarray(x, dtype=float)
    result, large = np.empty(x.shape), x >= LARGE
    z = x[large]
    result[large] = np.log(2 * np.pi * z) / 2 + np.polynomial.polynomial.polyval(z**-2, _STIRLING) / z
    z = x[~large]
    result[~large] = gammaln(z + 1) - xlogy(z, z) + z
    return result[()]


def deviance(x: ArrayLike, mean: ArrayLike, difference: ArrayLike) -> Any:
    """Return D(x, mean) = x log(x / mean) + mean - x of numbers >= 0, given ``difference``, x - mean.

    Its relative error is that of the difference (Loader 2000, section 2). D(0, m) is m, D(x, 0) is infinite.

    Examples
    --------
    >>> float(deviance(1e16 + 2, 1e16, 2.0))
    2e-16
    """
    x, mean, difference = (np.asarray(value, dtype=float) for value in (x, mean, difference))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        v = np.where(x + mean > 0, difference / (x + mean), 0.0)
        near = abs(v) < _NEAR
        square = np.where(near, v, 0.0) ** 2
        # x log(x / m) + m - x = (x - m) v + 2 x (v^3 / 3 + v^5 / 5 + ...),    v = (x - m) / (x + m)
        series = difference * v + 2 * x * v * square * np.polynomial.polynomial.polyval(square, _ATANH)
        logs = np.where(x / mean > 0, x * quotient_log(x, mean), 0.0)
        return np.where(near, series, logs - difference)[()]


def quotient_log(x: ArrayLike, y: ArrayLike) -> Any:
    """Return log(x / y) of numbers >= 0, where x / y is infinite in float64 too."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        quotient = np.divide(x, y)
        return np.where(np.isfinite(quotient), np.log(quotient), np.log(x) - np.log(y))[()]


def log_rising(a: ArrayLike, n: ArrayLike) -> Any:
    """Return log Gamma(a + n) - log Gamma(a) - n log(a + n), the logarithm of a rising factorial over (a + n)^n.

    It goes to 0 as a grows, and to log a + log Gamma(n) - n log n as a goes to 0.

    Examples
    --------
    >>> round(float(log_rising(3.0, 2.0)), 12)  # log(3 x 4 / 5^2)
    -0.73396917508
    """
    a, n = np.asarray(a, dtype=float), np.asarray(n, dtype=float)
    # log Gamma(x) = x log x - x + r(x) - log x
    return -deviance(a, a + n, -n) + remainder(a + n) - remainder(a) - np.log1p(n / a)


def log_gamma_evidence(a: float, b: float, n: float, total: Fraction, normals: int = 0) -> Decimal:
    """Return log Gamma(a + n) - log Gamma(a) + a log b - (a + n) log(b + total) - normals/2 log(2 pi), in nats.

    It is the log ratio of the normalising constants of Gamma(a, b) and Gamma(a + n, b + total), the prior and the
    posterior of a rate or a precision. With a million observations, terms of 1e6 may cancel, so they are decimals.
    """
    # log Gamma(x) = x log x - x + r(x) - log x
    with digits():
        A, B = Decimal(a), Decimal(b)
        A_n, B_n = A + Decimal(n), B + from_fraction(total)
        large = A_n * (A_n / B_n).ln() - A * (A / B).ln() - Decimal(n) - normals * (2 * PI).ln() / 2
        return large + Decimal(float(remainder(a + n) - remainder(a) - np.log1p(n / a)))


def log_negative_binomial(total: int, a: float, b: float, n: int) -> float:
    """Return log p(T = total), T ~ Poisson(n rate), rate ~ Gamma(a, b), in nats."""
    # = -D(a, E_a) - D(T, E_T) + log [r(a + T) ...],    E_a = (a + T) b / (b + n),    E_T = (a + T) n / (b + n)
    A, B = Fraction(a), Fraction(b)
    difference = float((A * n - B * total) / (B + n))  # a - E_a = E_T - T
    expected = float((A + total) * B / (B + n)), float((A + total) * n / (B + n))
    misfit = deviance(a, expected[0], difference) + deviance(total, expected[1], -difference)
    return float(_remainders(a, total) - misfit)


def log_dirichlet_multinomial(counts: Sequence[int], alpha: ArrayLike) -> float:
    """Return log p(counts), counts ~ Multinomial(N, p), p ~ Dirichlet(alpha), N the sum of the counts, in nats."""
    alpha = np.asarray(alpha, dtype=float)
    fractions = [Fraction(a) for a in alpha.tolist()]
    N, A = sum(counts), sum(fractions, Fraction())
    y = np.array(counts, dtype=float)
    shares = [(a + k) / (A + N) for a, k in zip(fractions, counts, strict=True)]
    difference = np.array([float(a - s * A) for a, s in zip(fractions, shares, strict=True)])
    expected = np.array([(float(s * A), float(s * N)) for s in shares])
    misfit = deviance(alpha, expected[:, 0], difference) + deviance(y, expected[:, 1], -difference)
    return float(fsum(_remainders(alpha, y)) - _remainders(float(A), float(N)) - fsum(misfit))


def log_dirichlet_multinomials(y: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log_dirichlet_multinomial`` for many rows of counts (..., K) at once, along the last axis.

    It computes in floats, with an error of sqrt(N) 1e-16 for a large number N of counts.
    """
    N, A = y.sum(axis=-1, keepdims=True), alpha.sum(axis=-1, keepdims=True)
    difference = difference_of_products(alpha, N, y, A) / (A + N)
    shares = (alpha + y) / (A + N)
    misfit = deviance(alpha, shares * A, difference) + deviance(y, shares * N, -difference)
    return np.sum(_remainders(alpha, y) - misfit, axis=-1) - _remainders(A, N)[..., 0]


def log_arrangements(
    y: NDArray[np.float64], times: NDArray[np.int64], totals: Sequence[int], trials: int | None = None
) -> float:
    """Return the log probability of rows of counts ``y`` given their ``totals``, in nats.

    ``y`` has shape (rows, K) and ``totals`` (K,). Each row occurs as often as ``times`` (rows,) says. With ``trials``,
    the sum of each row, it is the probability of draws without replacement, such as the number of cards of each of K
    colours in n hands of this size. Without ``trials`` there is one column, and each count falls on any row.
    """
    n = int(times.sum())
    if n == 0:
        return 0.0
    # sum_i log m! - sum_ik log y_ik! - log N! + sum_k log Y_k!, where the terms x log x leave D(y_ik, Y_k / n)
    expected = np.array([total / n for total in totals])
    rows = 0.0 if trials is None else remainder(trials)
    row_terms = rows - np.sum(remainder(y), axis=1) - np.sum(deviance(y, expected, y - expected), axis=1)
    total_term = fsum(remainder(np.array(totals, dtype=float)))
    return float(np.sum(times * row_terms) + total_term - (0.0 if trials is None else remainder(float(n * trials))))


def log_dirichlet(p: NDArray[np.float64], alpha: NDArray[np.float64]) -> Any:
    """Return the log density of Dirichlet(alpha) at p, (..., K), with respect to its first K - 1 elements."""
    A = alpha.sum(axis=-1)
    misfit = deviance(alpha, A[..., None] * p, difference_of_products(alpha, 1.0, A[..., None], p))
    with np.errstate(divide="ignore"):
        terms = quotient_log(alpha, p) - remainder(alpha) - misfit
    return np.sum(terms, axis=-1) + remainder(A) - np.log(A)


def _remainders(a: Any, k: Any) -> Any:
    """Return the split of log [Gamma(a + k) / (Gamma(a) k!)] without its terms x log x."""
    return remainder(a + k) - remainder(a) - remainder(k) - np.log1p(k / a)
