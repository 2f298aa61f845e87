"""Sums of a smooth function over so many whole numbers that a table of them does not fit in memory.

A sum over a long run of whole numbers is the integral between the half numbers at its ends, plus a correction with the
derivatives there (the Euler-Maclaurin formula for midpoints; Dahlquist and Björck 2008, Numerical Methods in Scientific
Computing, vol. 1, section 3.4). The integral uses Gauss-Legendre nodes in panels on which the function is a polynomial
to rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

ORDER = 20
"""Gauss-Legendre nodes in each panel."""
SHORT = 1024
"""In panels with at most this many whole numbers, they are added one by one. With more, the third correction is below
rounding."""
REACH = 40
"""Up to this many standard deviations from the mean, panels are at most two standard deviations wide."""
_X, _WEIGHTS = legendre.leggauss(ORDER)
_COEFFICIENTS = _WEIGHTS[:, None] * legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2
_ENDS = np.array([1.0, -1.0])


def _rise(derivative: int) -> NDArray[np.float64]:
    """Return weights of the nodes for the rise of a derivative from -1 to 1."""
    at_ends = legendre.legval(_ENDS, legendre.legder(_COEFFICIENTS.T, derivative))  # (ORDER, 2)
    return at_ends[:, 0] - at_ends[:, 1]


_RISES = _rise(1), _rise(3)


class SummedDistribution:
    """The distribution function of whole numbers x = 0, ..., n with the probabilities ``f(x, n - x)``.

    ``f`` is smooth between x and 2 x from either end, and over two standard deviations around a peak. The upper half is
    summed from its end, because float64 resolves n - x there and not x.
    """

    def __init__(self, f: Callable[[Any, Any], Any], n: int, means: tuple[float, float], sd: float) -> None:
        self._n, self._half = n, n // 2
        self._low = _CumulativeSums(lambda x: f(x, n - x), self._half, means[0], sd)
        self._high = _CumulativeSums(lambda y: f(n - y, y), n - self._half - 1, means[1], sd)

    def cdf(self, k: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(X <= k) for whole numbers k from 0 to n in an array (M,)."""
        result, low = np.ones(len(k)), k <= self._half
        result[low] = np.minimum(self._low.sum(k[low]), 1.0)
        above = ~low & (k < self._n)
        result[above] = 1 - np.minimum(self._high.sum((self._n - 1) - k[above]), 1.0)
        return result

    def ppf(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest whole numbers k with P(X <= k) of at least q, for an array q (M,)."""
        low = q <= self._low.total
        result = np.empty(len(q))
        result[low] = self._low.first(lambda sums: sums >= q[low], int(low.sum()))
        # P(X <= n - j) is 1 minus the sum up to j - 1, so find the first j whose own sum is too large
        result[~low] = self._n - self._high.first(lambda sums: 1 - sums < q[~low], int((~low).sum()))
        return result


class _CumulativeSums:
    """Sums of f at 0, ..., k, up to a ``largest`` k."""

    def __init__(self, f: Callable[[Any], Any], largest: int, mean: float, sd: float) -> None:
        self._f = f
        doubled = SHORT * 2.0 ** np.arange(53)
        inside = np.round(np.concatenate([doubled, mean + sd * np.arange(-REACH, REACH + 1, 2)]))
        self._edges = np.unique(np.concatenate([[0.0], inside[(inside > 0) & (inside <= largest)], [largest + 1.0]]))
        self._before = np.concatenate([[0.0], np.cumsum(self._sums(self._edges[:-1], self._edges[1:]))])
        self.total = self._before[-1]

    def sum(self, k: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of f at 0, ..., k, for whole numbers k in an array (M,)."""
        panel = np.searchsorted(self._edges, k, side="right") - 1
        return self._before[panel] + self._sums(self._edges[panel], k + 1.0)

    def first(self, condition: Callable[[Any], Any], M: int) -> NDArray[np.float64]:
        """Return the first k whose sum meets ``condition``, for M conditions at once; or else the largest k + 1."""
        holds_after_panel = np.stack([np.broadcast_to(condition(before), M) for before in self._before[1:]])
        exists = holds_after_panel.any(axis=0)
        panel = np.where(exists, holds_after_panel.argmax(axis=0), len(holds_after_panel) - 1)
        # the last that does not meet the condition, and the first that does
        low, high = self._edges[panel] - 1, self._edges[panel + 1] - exists
        low = np.where(exists, low, high - 1)
        while np.any(unresolved := high - low > 1):
            middle = np.where(unresolved, np.floor(low + (high - low) / 2), low)
            holds = condition(self.sum(np.maximum(middle, 0.0)))
            low, high = np.where(unresolved & ~holds, middle, low), np.where(unresolved & holds, middle, high)
        return high

    def _sums(self, start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of f from each start up to its stop, which is not included."""
        result, m = np.empty(len(start)), stop - start
        for i in np.flatnonzero(m <= SHORT):
            result[i] = self._f(np.arange(start[i], stop[i])).sum()
        long = m > SHORT
        half = m[long, None] / 2
        values = self._f((start[long, None] - 0.5) + half * (1 + _X))  # (panels, ORDER)
        # sum f = integral f - f'/24 + 7 f'''/5760 - ..., each between the ends
        weights = half * _WEIGHTS - _RISES[0] / 24 / half + _RISES[1] * 7 / 5760 / half**3
        result[long] = np.sum(values * weights, axis=1)
        return result
