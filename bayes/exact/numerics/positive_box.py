"""The joint distribution of three positive numbers, by Gauss-Legendre panels in their logarithms.

In logarithms a density is as smooth near 0 as elsewhere, and a tail of x^-k is an exponential. The panels are those of
a tensor: every axis has its own, and each is divided where a slice of the integrand is no polynomial in it (Trefethen
2013, Approximation Theory and Approximation Practice, chapters 17 and 19). They reach as far as the integrand, times
x^2, is above e^-32 of its peak.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf, log
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bayes.exact.numerics.boxes import ORDER, Tabulated

DROP = 32.0
"""Nats below the peak at which the integrand is cut: e^-32 is 1e-14."""
SCAN, ZOOMS = 14, 5
"""Places an axis has in the scans that find where the integrand is largest, and how often they zoom in."""
FIRST_PANEL = 6.0
"""Widest panel, in nats: exp(v) is still a polynomial in it."""
ROUGH = 3e-8
"""Largest mass that the last two terms of the slices' series may stand for in a panel. Gauss's rule with these nodes is
exact for polynomials of twice their degree: integrals are then right to 1e-13, and the series of a CDF to 1e-12."""
THINNED = 5
"""Of how many nodes of the other axes one is enough to see whether a panel is narrow enough."""
ROUNDS = 7
"""Largest number of times that panels are divided."""
BLOCK = 2**17
"""Places at which the integrand is computed at once: a megabyte, which fits in a cache."""
_X, _W = legendre.leggauss(ORDER)
_TO_SERIES = _W[:, None] * legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2

type Array = NDArray[np.float64]


class DivergenceError(ValueError):
    """An integral that does not converge: over number ``axis``, at ``end``."""

    def __init__(self, axis: int, end: str) -> None:
        super().__init__(f"the integral over number {axis} diverges at {end}")
        self.axis, self.end = axis, end


class PositiveBox:
    """The distribution of three positive numbers that are independent in the prior.

    Parameters
    ----------
    log_likelihood
        A function of three arrays that are broadcast against each other.
    log_priors
        The log prior density of each number, a function of an array.
    low, high
        For each number, the logs of places that are certainly beyond its range, or its bound.
    bounded
        Whether ``high`` is a bound.

    Raises
    ------
    DivergenceError
        If the integral does not converge at 0 or at infinity.
    """

    def __init__(
        self,
        log_likelihood: Callable[..., Array],
        log_priors: Sequence[Callable[[Array], Array]],
        low: Sequence[float],
        high: Sequence[float],
        bounded: Sequence[bool],
    ) -> None:
        self._log_likelihood, self._log_priors, self._bounded = log_likelihood, log_priors, bounded
        self._peak = -inf
        ranges = [self._range(axis, np.array(low), np.array(high)) for axis in range(3)]
        edges = [np.linspace(a, b, int(np.ceil((b - a) / FIRST_PANEL)) + 1) for a, b in ranges]
        for _ in range(ROUNDS):
            rough = [self._roughness(edges, axis) > ROUGH for axis in range(3)]
            if not any(map(np.any, rough)):
                break
            middles = [(e[:-1] + e[1:]) / 2 for e in edges]
            edges = [np.sort(np.append(e, m[r])) for e, m, r in zip(edges, middles, rough, strict=True)]
        self.edges, self.v, self._rule = edges, *_nodes(edges)
        self.density = self._tensor(*self.v)
        total = float(self.density @ self._rule[2] @ self._rule[1] @ self._rule[0])
        self.density /= total
        self.log_integral = self._peak + log(total)

    def _log_values(self, *v: Array) -> Array:
        """Return log [p(y | x) p(x) x1 x2 x3] at logs that are broadcast against each other."""
        with np.errstate(all="ignore"):
            values = self._log_likelihood(*map(np.exp, v))
            first, *others = (prior(np.exp(u)) + u for prior, u in zip(self._log_priors, v, strict=True))
            values = values + first
            values += others[0] + others[1]
        values[np.isnan(values)] = -np.inf
        return values

    def _tensor(self, *v: Array) -> Array:
        """Return exp of it, over its peak, on the tensor of three vectors of logs."""
        values, rows = np.empty(tuple(map(len, v))), max(1, BLOCK // (len(v[1]) * len(v[2])))
        for start in range(0, len(v[0]), rows):
            block = self._log_values(*np.ix_(v[0][start : start + rows], *v[1:]))
            np.exp(np.subtract(block, self._peak, out=block), out=values[start : start + rows])
        return values

    def _profile(self, axis: int, v: Array, low: Array, high: Array) -> Array:
        """Return the largest log integrand where the log of number ``axis`` is v (M,), by scans that zoom in."""
        others = [k for k in range(3) if k != axis]
        ends = {k: (np.full(len(v), low[k]), np.full(len(v), high[k])) for k in others}
        best = np.full(len(v), -np.inf)
        for _ in range(ZOOMS):
            places = {k: a[:, None] + (b - a)[:, None] * np.linspace(0, 1, SCAN) for k, (a, b) in ends.items()}
            mesh = [v[:, None, None]] * 3
            mesh[others[0]], mesh[others[1]] = places[others[0]][:, :, None], places[others[1]][:, None, :]
            values = self._log_values(*mesh).reshape(len(v), -1)
            best = np.maximum(best, values.max(axis=1))
            at = dict(zip(others, np.unravel_index(values.argmax(axis=1), (SCAN, SCAN)), strict=True))
            for k, (a, b) in ends.items():
                middle, reach = places[k][np.arange(len(v)), at[k]], 1.5 * (b - a) / (SCAN - 1)
                ends[k] = np.maximum(middle - reach, low[k]), np.minimum(middle + reach, high[k])
        return best

    def _range(self, axis: int, low: Array, high: Array) -> tuple[float, float]:
        """Return the range of the log of number ``axis``: where the integrand, times x^2, is not cut."""
        a, b = low[axis], high[axis]
        while True:
            v = np.linspace(a, b, 2 * SCAN)
            profile = self._profile(axis, v, low, high)
            self._peak = max(self._peak, float(profile.max()))
            profile -= profile.max()
            beyond = np.maximum(v - v[profile.argmax()], 0.0)
            kept = np.flatnonzero(profile + 2 * beyond > -DROP)
            if profile[0] > -DROP / 2 and a == low[axis]:
                raise DivergenceError(axis, "0")
            if profile[-1] > -DROP / 2 and b == high[axis] and not self._bounded[axis]:
                raise DivergenceError(axis, "infinity")
            before = b - a
            a, b = v[max(kept[0] - 1, 0)], v[min(kept[-1] + 1, len(v) - 1)]
            if b - a > 0.8 * before:
                return float(a), float(b)

    def _roughness(self, edges: list[Array], axis: int) -> Array:
        """Return the mass that the last two terms of the series along ``axis`` stand for, in each panel.

        It is that of slices at every fifth node of the other axes.
        """
        v, rule = _nodes(edges)
        others = [k for k in range(3) if k != axis]
        for k in others:
            v[k], rule[k] = v[k][2::THINNED], rule[k][2::THINNED] * THINNED
        density = np.moveaxis(self._tensor(*v), axis, -1)
        series = abs(density.reshape(*density.shape[:2], -1, ORDER) @ _TO_SERIES[:, -2:]).max(axis=-1)
        first, second = (rule[k] for k in others)
        mass = second @ (first @ (density @ rule[axis]))
        return (second @ np.tensordot(first, series, 1)) * np.diff(edges[axis]) / mass

    @cached_property
    def weights(self) -> Array:
        """Weights of the nodes in expectations, which sum to 1."""
        return self.density * self._rule[0][:, None, None] * self._rule[1][:, None] * self._rule[2]

    @cached_property
    def x(self) -> list[Array]:
        """The places of the nodes on each axis."""
        return [np.exp(v) for v in self.v]

    def marginal(self, axis: int) -> "Positive":
        """Return the marginal distribution of a number."""
        others = [k for k in range(3) if k != axis]
        log_rule = np.add.outer(*(np.log(self._rule[k]) for k in others))

        def log_density(v: Array) -> Array:
            values, block = np.empty(v.shape), max(1, BLOCK // log_rule.size)
            for start in range(0, len(v), block):
                places = list(self.v)
                places[axis] = v[start : start + block]
                slices = np.moveaxis(self._log_values(*np.ix_(*places)), axis, 0) + log_rule
                peak = np.maximum(slices.max(axis=(1, 2), keepdims=True), -1e300)
                with np.errstate(divide="ignore"):
                    values[start : start + block] = np.log(np.exp(slices - peak).sum(axis=(1, 2))) + peak.ravel()
            return values - self.log_integral

        weights = self.weights.sum(axis=tuple(others))
        density = (weights / self._rule[axis]).reshape(-1, ORDER)
        return Positive(self.edges[axis], density, log_density, self._bounded[axis])

    def second_given_first(self, x1: Array) -> "Rows":
        """Return the distribution of the second number at each value (M,) of the first.

        The density is interpolated between the nodes of the first by the polynomials of its panels.
        """
        edges = self.edges[0]
        v = np.clip(np.log(x1), edges[0], edges[-1])
        panel = np.clip(np.searchsorted(edges, v, side="right") - 1, 0, len(edges) - 2)
        place = 2 * (v - edges[panel]) / (edges[panel + 1] - edges[panel]) - 1
        basis = legendre.legvander(place, ORDER - 1) @ _TO_SERIES.T  # (M, ORDER)
        density = (self.density @ self._rule[2]).reshape(-1, ORDER, len(self.v[1]))
        rows = np.empty((len(v), len(self.v[1])))
        for p in range(len(edges) - 1):
            rows[panel == p] = basis[panel == p] @ density[p]
        return Rows(self.edges[1], np.maximum(rows, 0.0))

    def third_given_both(self, x1: Array, x2: Array) -> "Rows":
        """Return the distribution of the third number at each pair of values (M,) of the others."""
        values = self._log_values(np.log(x1)[:, None], np.log(x2)[:, None], self.v[2])
        return Rows(self.edges[2], np.exp(values - values.max(axis=1, keepdims=True)))


class Positive:
    """The distribution of x = exp(v), from the density of v in panels, with the methods of a frozen distribution."""

    def __init__(self, edges: Array, density: Array, log_density: Callable[[Array], Array], bounded: bool) -> None:
        self._v = Tabulated(edges, density, log_density)
        half = np.diff(edges) / 2
        self._x = np.exp(((edges[:-1] + half)[:, None] + half[:, None] * _X).ravel())
        self._weights = (density * _W * half[:, None]).ravel()
        # A tail of v falls as exp(-k v), and x has the moments below k.
        step = min(1.0, half[-1])
        fall = -float(np.diff(log_density(edges[-1] - np.array([step, 0.0])))[0]) / step
        self._moments = inf if bounded or np.isnan(fall) else fall - 0.01

    def mean(self) -> float:
        """Return the mean, which is infinite if there is none."""
        return float(self._weights @ self._x) if self._moments > 1 else inf

    def var(self) -> float:
        """Return the variance, which is infinite if there is none."""
        return float(self._weights @ (self._x - self.mean()) ** 2) if self._moments > 2 else inf

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def logpdf(self, x: Any) -> Any:
        """Return the log density."""
        x = np.asarray(x, dtype=float)
        v = np.log(np.where(x > 0, x, 1.0))
        return np.where(x > 0, self._v.logpdf(v) - v, np.where(np.isnan(x), np.nan, -np.inf))[()]

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        with np.errstate(divide="ignore"):
            return self._v.cdf(np.log(np.maximum(x, 0.0)))

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        with np.errstate(divide="ignore"):
            return self._v.sf(np.log(np.maximum(x, 0.0)))

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        return np.exp(self._v.ppf(q))

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        return np.exp(self._v.rvs(size, random_state))


class Rows:
    """Distributions of M positive numbers, each with its own density of v = log x at the nodes of the same panels."""

    def __init__(self, edges: Array, density: Array) -> None:
        self._edges, self._half = edges, np.diff(edges) / 2
        self._density = density.reshape(len(density), -1, ORDER)
        masses = self._density @ _W * self._half  # (M, P)
        self._below = np.concatenate([np.zeros((len(masses), 1)), np.cumsum(masses, axis=1)], axis=1)

    def cdf(self, x: Array) -> Array:
        """Return P(X_i <= x_i) of every row."""
        with np.errstate(divide="ignore"):
            v = np.clip(np.log(x), self._edges[0], self._edges[-1])
        panel = np.clip(np.searchsorted(self._edges, v, side="right") - 1, 0, len(self._half) - 1)
        place = (v - self._edges[panel]) / self._half[panel] - 1
        return np.clip(self._inside(panel)(place) / self._below[:, -1], 0.0, 1.0)

    def ppf(self, q: Array) -> Array:
        """Return the quantile of every row, by bisection."""
        wanted = q * self._below[:, -1]
        panel = np.clip(np.sum(self._below <= wanted[:, None], axis=1) - 1, 0, len(self._half) - 1)
        below, low, high = self._inside(panel), np.full(len(q), -1.0), np.ones(len(q))
        for _ in range(54):
            middle = (low + high) / 2
            enough = below(middle) >= wanted
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.exp(self._edges[panel] + self._half[panel] * (high + 1))

    def _inside(self, panel: NDArray[Any]) -> Callable[[Array], Array]:
        """Return the integral up to places from -1 to 1 in a panel of each row."""
        rows = np.arange(len(panel))
        series = self._density[rows, panel] @ _TO_SERIES
        antiderivative = legendre.legint(series, lbnd=-1, axis=1).T * self._half[panel]
        return lambda place: self._below[rows, panel] + legendre.legval(place, antiderivative, tensor=False)


def _nodes(edges: list[Array]) -> tuple[list[Array], list[Array]]:
    """Return the nodes of the panels of each axis, and their weights."""
    half = [np.diff(e) / 2 for e in edges]
    nodes = [((e[:-1] + h)[:, None] + h[:, None] * _X).ravel() for e, h in zip(edges, half, strict=True)]
    return nodes, [(h[:, None] * _W).ravel() for h in half]
