"""Integrals over two or three parameters, and the marginal of each, by Gauss-Legendre panels.

The panels follow the integrand: they are laid out in standardised coordinates around the mode, where the coordinates of
the later parameters move with the first as its conditional means do. They reach as far as the integrand is above e^-45
of its peak, or to the bounds, and are divided until the integral does not change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy import optimize

from bayes.exact.numerics.quantiles import quantile

ORDER = 20
"""Gauss-Legendre nodes in each panel."""
DROP = 45.0
"""Nats below the peak at which the integrand is cut: e^-45 is 3e-20."""
OUTER, INNER = 3.0, 5.0
"""Standard deviations a panel has at first: of the parameter whose CDF is wanted, and of the others."""
AGREEMENT = 2e-12
"""Largest change of a log integral, in nats, by panels half as wide, for the wider ones to be good enough."""
ROUGH = 1e-14
"""Largest mass that the last two terms of a panel's series may stand for."""
HALVINGS = 5
"""Largest number of times that panels are halved."""
_X, _W = legendre.leggauss(ORDER)
_TO_SERIES = _W[:, None] * legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2

type Array = NDArray[np.float64]


class Tabulated:
    """The distribution of an x with a density that is a polynomial in each of its panels, as far as rounding shows.

    ``edges`` (P + 1,) are those of the panels, and ``density`` (P, ORDER) are its values at their Gauss-Legendre nodes,
    up to a factor. Beyond the edges there is no mass. ``log_density`` is the exact normalised log density of any x.
    """

    def __init__(self, edges: Array, density: Array, log_density: Callable[[Array], Array]) -> None:
        self._edges, self._half, self._log_density = edges, np.diff(edges) / 2, log_density
        self._x = (edges[:-1] + self._half)[:, None] + self._half[:, None] * _X
        self._weights = density * _W * self._half[:, None]
        total = self._weights.sum()
        self._weights, self._density = self._weights / total, density / total

    def mean(self) -> float:
        """Return the mean."""
        middle = self._edges[len(self._edges) // 2]  # so that a mean far from 0 loses no digits
        return float(middle + np.sum(self._weights * (self._x - middle)))

    def var(self) -> float:
        """Return the variance."""
        return float(np.sum(self._weights * (self._x - self.mean()) ** 2))

    def expectation(self, f: Callable[[Array], Array]) -> float:
        """Return the mean of f(x), for an ``f`` as smooth as the density."""
        return float(np.sum(self._weights * f(self._x)))

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def logpdf(self, x: Any) -> Any:
        """Return the log density, which is finite even where the density is 0 in float64."""
        x = np.asarray(x, dtype=float)
        return np.asarray(self._log_density(x.ravel())).reshape(x.shape)[()]

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        panel, inside = self._inside(x)
        return np.clip(self._below[panel] + inside, 0, 1)[()]

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        panel, inside = self._inside(x)
        return np.clip(self._above[panel] + (self._masses[panel] - inside), 0, 1)[()]

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        return quantile(self.cdf, self._interpolated, self._edges, self.cdf(self._edges), q)[()]

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        return self.ppf(np.random.default_rng(random_state).random(size))

    def _panel(self, x: Any) -> tuple[Any, Any]:
        """Return the panel of each x, and its place there from -1 to 1."""
        x = np.asarray(x, dtype=float)
        panel = np.clip(np.searchsorted(self._edges, x, side="right") - 1, 0, len(self._half) - 1)
        return panel, np.clip((x - self._edges[panel]) / self._half[panel] - 1, -1, 1)

    def _inside(self, x: Any) -> tuple[Any, Any]:
        panel, place = self._panel(x)
        return panel, legendre.legval(place, self._antiderivative[:, panel], tensor=False)

    def _interpolated(self, x: Any) -> Any:
        panel, place = self._panel(x)
        return legendre.legval(place, self._series[:, panel], tensor=False)

    @cached_property
    def _series(self) -> Array:
        return (self._density @ _TO_SERIES).T  # (ORDER, P)

    @cached_property
    def _antiderivative(self) -> Array:
        return legendre.legint(self._series, lbnd=-1, axis=0) * self._half

    @cached_property
    def _masses(self) -> Array:
        return self._weights.sum(axis=1)

    @cached_property
    def _below(self) -> Array:
        return np.concatenate([[0.0], np.cumsum(self._masses)[:-1]])

    @cached_property
    def _above(self) -> Array:
        return np.concatenate([np.cumsum(self._masses[::-1])[-2::-1], [0.0]])


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The integrand at the nodes of panels, with one parameter as the first; shapes end with the nodes of each axis."""

    edges: Array
    """Edges of the panels of the first parameter."""
    points: Array
    """(d, M1, M2, ...) places of all parameters, in their own order."""
    log_weights: Array
    """(M1, M2, ...) logs of integrand times weights of the nodes; those of the first parameter are left out."""


class Box:
    """The integral of exp(``log_density``) over two or three parameters between their bounds.

    Parameters
    ----------
    log_density
        A function of d arrays of one shape. It is called with many places at once.
    bounds
        The smallest and the largest value of each parameter, which may be infinite.
    start
        A place near the mode, inside the bounds.
    scales
        The standard deviation of each parameter, about.

    The integrand has one peak. It may be cut by a bound of the parameter that is integrated last, or of any parameter
    that is nearly independent of the others.
    """

    def __init__(
        self,
        log_density: Callable[..., Array],
        bounds: Sequence[tuple[float, float]],
        start: Sequence[float],
        scales: Sequence[float],
    ) -> None:
        self._log_density, self._bounds = log_density, np.array(bounds, dtype=float)
        scales_array, first = np.array(scales, dtype=float), np.array(start, dtype=float)

        def cost(t: Array) -> float:
            value = float(self._values(first + scales_array * t))
            return -value if np.isfinite(value) else np.inf

        t = np.zeros(len(first))
        for _ in range(3):  # the simplex may end early; a new one does not
            t = optimize.minimize(cost, t, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9}).x
        self.mode = first + scales_array * t
        self._covariance = self._near_the_mode(scales_array)
        self._peak = float(self._values(self.mode))
        self._grid = cache(self._resolved)

    @property
    def log_integral(self) -> float:
        """The log of the integral, in nats."""
        return self._log_total(self._grid(0))

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Return places (d, M), and weights (M,) that sum to 1, for expectations. Those below 1e-17 are left out."""
        grid = self._grid(0)
        log_weights = grid.log_weights + self._log_rule(grid.edges).reshape(-1, *[1] * (grid.log_weights.ndim - 1))
        weights = np.exp(log_weights - log_weights.max()).ravel()
        weights /= weights.sum()
        kept = weights > 1e-17
        return grid.points.reshape(len(grid.points), -1)[:, kept], weights[kept] / weights[kept].sum()

    def marginal(self, axis: int) -> Tabulated:
        """Return the marginal distribution of a parameter."""
        grid = self._grid(axis)
        log_total = self._log_total(grid)
        log_density = _log_sum(grid.log_weights) - log_total

        def exact(x: Array) -> Array:
            inside = (x >= self._bounds[axis, 0]) & (x <= self._bounds[axis, 1])
            values = np.full(x.shape, -np.inf)
            for block in np.array_split(np.flatnonzero(inside), 1 + x.size // 1000):  # a million draws need memory
                if not block.size:
                    continue
                _, log_weights = self._slices(axis, x[block], self._inner_panels[axis])
                values[block] = _log_sum(log_weights) - log_total
            return np.where(np.isnan(x), np.nan, values)

        return Tabulated(grid.edges, np.exp(log_density).reshape(-1, ORDER), exact)

    @property
    def second_reach(self) -> tuple[float, float]:
        """How far the second of two parameters goes in standardised coordinates, which move with the first."""
        self._grid(0)
        (edges,) = self._inner_panels[0]
        return float(edges[0]), float(edges[-1])

    def second_given_first(self, x: Array, edges: Array) -> tuple[Array, Array]:
        """Return places (M, N) of the second of two parameters where the first is ``x`` (M,), and their log weights.

        The places are the nodes of panels between ``edges``, in standardised coordinates, ``ORDER`` a panel.
        """
        places, log_weights = self._slices(0, x, [edges])
        return places[1], log_weights

    def _values(self, x: Array) -> Array:
        """Return the log density at places (d, ...), -inf beyond the bounds."""
        low, high = self._bounds[:, 0], self._bounds[:, 1]
        shape = (-1, *[1] * (x.ndim - 1))
        inside = np.all((x >= low.reshape(shape)) & (x <= high.reshape(shape)), axis=0)
        with np.errstate(all="ignore"):
            values = np.asarray(self._log_density(*np.clip(x, low.reshape(shape), high.reshape(shape))), dtype=float)
        return np.where(inside & ~np.isnan(values), values, -np.inf)

    def _near_the_mode(self, scales: Array) -> Array:
        """Return the inverse of the negative Hessian at the mode by differences, or the squared scales without one."""
        d, step = len(scales), 0.02 * scales
        best = np.array(self.mode)
        room = np.minimum(best - self._bounds[:, 0], self._bounds[:, 1] - best) < 2 * step
        centre = np.where(room, np.clip(best, self._bounds[:, 0] + 2 * step, self._bounds[:, 1] - 2 * step), best)
        hessian = np.empty((d, d))
        for i in range(d):
            for j in range(d):
                e, f = np.eye(d)[i] * step, np.eye(d)[j] * step
                corners = np.stack([centre + e + f, centre + e - f, centre - e + f, centre - e - f], axis=1)
                pp, pm, mp, mm = self._values(corners)
                hessian[i, j] = (pp - pm - mp + mm) / (4 * step[i] * step[j])
        precision = -(hessian + hessian.T) / 2
        if not np.all(np.isfinite(precision)) or np.any(
            np.linalg.eigvalsh(precision * np.outer(scales, scales)) < 0.01
        ):
            return np.diag(scales**2)
        return np.linalg.inv(precision)

    @cached_property
    def _inner_panels(self) -> dict[int, list[Array]]:
        """Axis that is first -> the edges of the panels of the others, in standardised coordinates."""
        return {}

    def _order(self, axis: int) -> list[int]:
        return [axis, *(i for i in range(len(self.mode)) if i != axis)]

    def _root(self, axis: int) -> Array:
        """Return the Cholesky factor of the covariance with ``axis`` first."""
        order = self._order(axis)
        return np.linalg.cholesky(self._covariance[np.ix_(order, order)])

    def _slices(self, axis: int, x: Array, inner: list[Array]) -> tuple[Array, Array]:
        """Return places and log weights of the other parameters' nodes where the first parameter is ``x`` (M1,)."""
        order, root = self._order(axis), self._root(axis)
        d, points, t, log_weights = len(order), [x], [(x - self.mode[axis]) / root[0, 0]], np.zeros(len(x))
        for k, edges in enumerate(inner, start=1):
            half = np.diff(edges) / 2
            nodes = ((edges[:-1] + half)[:, None] + half[:, None] * _X).ravel()
            log_rule = np.log((half[:, None] * _W).ravel() * root[k, k])
            centre = self.mode[order[k]] + sum(root[k, j] * t[j] for j in range(k))
            place = np.asarray(centre)[..., None] + root[k, k] * nodes
            low, high = self._bounds[order[k]]
            limits = np.asarray(centre)[..., None] + root[k, k] * edges[[0, -1]]
            if np.any(limits[..., 0] < low) or np.any(limits[..., 1] > high):  # panels between the bounds
                cut_low, cut_high = np.maximum(limits[..., :1], low), np.minimum(limits[..., 1:], high)
                share = np.maximum(cut_high - cut_low, 0) / (limits[..., 1:] - limits[..., :1])
                place = cut_low + (place - limits[..., :1]) * share
                with np.errstate(divide="ignore"):
                    log_rule = log_rule + np.log(share)
            points, t = [p[..., None] for p in points], [s[..., None] for s in t]
            points.append(place)
            t.append((place - np.asarray(centre)[..., None]) / root[k, k])
            log_weights = log_weights[..., None] + log_rule
        places = np.empty((d, *log_weights.shape))
        for k, point in zip(order, points, strict=True):
            places[k] = point
        return places, log_weights + self._values(places)

    def _evaluated(self, axis: int, outer: Array, inner: list[Array]) -> Grid:
        half = np.diff(outer) / 2
        x = ((outer[:-1] + half)[:, None] + half[:, None] * _X).ravel()
        points, log_weights = self._slices(axis, x, inner)
        return Grid(edges=outer, points=points, log_weights=log_weights)

    def _log_rule(self, edges: Array) -> Array:
        return np.log((np.diff(edges)[:, None] / 2 * _W).ravel())

    def _log_total(self, grid: Grid) -> float:
        return float(_log_sum((_log_sum(grid.log_weights) + self._log_rule(grid.edges))[None])[0])

    def _reach(self, axis: int) -> list[tuple[float, float]]:
        """Return how far each standardised coordinate goes, the first parameter's first, until the integrand is cut."""
        order, root = self._order(axis), self._root(axis)
        reach = []
        for k, index in enumerate(order):
            ends = []
            for side, bound in ((-1, self._bounds[index, 0]), (1, self._bounds[index, 1])):
                t = 2.0
                while t < 1e8:
                    place = self.mode[order] + root[:, k] * side * t
                    beyond = side * place[k] >= side * bound
                    if beyond and k == 0:
                        t = (bound - self.mode[index]) / (side * root[0, 0])
                        break
                    if self._profile(order, root, k, side * t) < self._peak - DROP:
                        break
                    t *= 1.3
                ends.append(side * t)
            reach.append((ends[0], ends[1]))
        return reach

    def _profile(self, order: list[int], root: Array, k: int, t: float) -> float:
        """Return the largest log density where standardised coordinate ``k`` is ``t``, over places of the others."""
        far = np.geomspace(8, 60, 9)
        along = np.concatenate([-far[::-1], np.linspace(-6, 6, 13), far])
        coordinates = np.array(np.meshgrid(*[[t] if i == k else along for i in range(len(order))]))
        point = np.empty(coordinates.shape)
        point[order] = self.mode[order].reshape(-1, *[1] * len(order)) + np.tensordot(root, coordinates, 1)
        return float(self._values(point).max())

    def _resolved(self, axis: int) -> Grid:
        """Return the grid with ``axis`` first whose panels are narrow enough."""
        root = self._root(axis)
        (low, high), *others = self._reach(axis)
        counts = [_panels(high - low, OUTER), *(_panels(end - start, INNER) for start, end in others)]

        def grid_of(counts: list[int]) -> Grid:
            inner = [np.linspace(*ends, count + 1) for ends, count in zip(others, counts[1:], strict=True)]
            self._inner_panels[axis] = inner
            outer = self.mode[axis] + root[0, 0] * np.linspace(low, high, counts[0] + 1)
            return self._evaluated(axis, np.clip(outer, *self._bounds[axis]), inner)

        grid = grid_of(counts)
        total = self._log_total(grid)
        for k in range(len(counts)):
            for _ in range(HALVINGS):
                finer = [count * (2 if i == k else 1) for i, count in enumerate(counts)]
                finer_grid = grid_of(finer)
                finer_total = self._log_total(finer_grid)
                if abs(finer_total - total) < AGREEMENT:
                    break
                counts, grid, total = finer, finer_grid, finer_total
        grid_of(counts)
        return grid


def mixture_marginal(weights: Array, means: Array, sds: Array) -> Tabulated:
    """Return a mixture of normals, its components' ``weights``, ``means`` and ``sds`` (M,), summed once on panels.

    The quantiles of a mixture of thousands of components then take no longer than those of a few.
    """
    mean = float(weights @ means)
    sd = float(np.sqrt(weights @ (sds**2 + (means - mean) ** 2)))

    heights = weights / sds / np.sqrt(2 * np.pi)

    def density(left: float, right: float) -> Array:
        """Return the density at the nodes of a panel, where components farther than 10 sds are 0."""
        near = (means - mean + 10 * sds > left) & (means - mean - 10 * sds < right)
        x = (left + right) / 2 + (right - left) / 2 * _X
        z = (x[:, None] - (means[near] - mean)) / sds[near]
        return np.exp(-(z**2) / 2) @ heights[near]

    def log_density(x: Array) -> Array:
        values = np.empty(x.shape)
        for block in np.array_split(np.arange(x.size), 1 + x.size * len(means) // 2**20):
            z = ((x[block, None] - mean) - (means - mean)) / sds
            values[block] = _log_sum(np.log(weights / sds) - z**2 / 2) - np.log(2 * np.pi) / 2
        return values

    low = float(np.min(means - mean - 8.5 * sds))
    high = float(np.max(means - mean + 8.5 * sds))
    edges, narrowest = _around(low, high, sd), float(np.min(sds))
    known: dict[tuple[float, float], Array] = {}
    while True:
        half = np.diff(edges) / 2
        panels = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        known |= {panel: density(*panel) for panel in panels if panel not in known}
        values = np.stack([known[panel] for panel in panels])
        rough = np.max(abs((values @ _TO_SERIES)[:, -2:]), axis=1) * half > ROUGH
        if not rough.any() or np.min(half) < narrowest / 4:
            break
        edges = np.unique(np.concatenate([edges, (edges[:-1] + half)[rough]]))
    return Tabulated(mean + edges, values, log_density)


def _around(low: float, high: float, sd: float) -> Array:
    """Return edges from ``low`` to ``high``: panels of 3 sd around 0, and wider ones farther out."""
    right = [0.0]
    while right[-1] < max(high, -low):
        right.append(right[-1] + max(3 * sd, right[-1] / 2))
    ends = np.array(right[1:])
    edges = np.concatenate([-ends[::-1], [0.0], ends])
    inside = edges[(edges > low) & (edges < high)]
    return np.concatenate([[low], inside, [high]])


def _panels(length: float, width: float) -> int:
    return max(1, int(np.ceil(length / width)))


def _log_sum(values: Array) -> Array:
    """Return the log of the sum of exponentials over all axes but the first."""
    flat = values.reshape(len(values), -1)
    peak = flat.max(axis=1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(flat - peak).sum(axis=1)) + peak[:, 0]
