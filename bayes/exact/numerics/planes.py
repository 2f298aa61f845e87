"""Integrals over two positive parameters, such as two standard deviations, and the marginal of each.

Each parameter x is a function of a coordinate v on the whole line, its logarithm if x has no upper bound. In these
coordinates the integrand is smooth and falls on all sides, even where the density of x is positive at 0, has a heavy
tail, or ends at a bound. For such integrands the trapezoid rule converges exponentially (Trefethen and Weideman 2014,
"The exponentially convergent trapezoidal rule", SIAM Review 56). It is used row by row: the outer coordinate is fixed,
and the inner one has a window of its own in each row, so that a curved ridge costs no accuracy. ``boxes`` is for three
parameters, and for those that are nearly normal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bayes.exact.numerics.boxes import Tabulated

type Array = NDArray[np.float64]

DROP = 38.0
"""Nats below the peak at which the integrand is cut: e^-38 is 3e-17."""
REACH = 60.0
"""How far a coordinate goes beyond the scales of the problem. A density that is positive at 0 falls as e^v there."""
SEARCH = 12
"""Intervals of the grid that a window is found on."""
SEARCHES = 20
"""Largest number of times that a window is narrowed."""
FEWEST, MOST = 16, 2048
"""Intervals of the trapezoid rule, which are doubled until the integral does not change."""
AGREEMENT = 1e-12
"""Largest change of a log integral by twice as many intervals, for the fewer ones to be good enough."""
CHECKED = 64
"""Rows whose intervals are checked at the end."""
SQUARED = 1e-9
"""Largest change for twice as many to be good enough: halving the step squares the error, or makes it smaller still."""
ROUNDING = 8 * np.finfo(float).eps
"""What rounding does to a log integral, relative to the log density."""
PER_PANEL = 5
"""Intervals of the trapezoid rule in a panel of 20 Gauss-Legendre nodes."""
WIDEST = 0.7
"""Largest width of a panel in v. A panel in x is then far enough from 0 for a density that has no series there."""
LIGHTEST = 1e-17
"""Weight of a node below which expectations leave it out."""
PILOT, SAFETY = 4000, 1.5
"""Places that determine the constant of the rejection, and the factor for those places that are not among them."""
_X, _ = legendre.leggauss(20)


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """x as a function of v: x = e^v, or x = upper / (1 + e^-v) with an upper bound. ``low`` and ``high`` bound v."""

    low: float
    high: float
    upper: float = np.inf

    def place(self, v: Array) -> Array:
        """Return x."""
        return np.exp(v) if np.isinf(self.upper) else self.upper / (1 + np.exp(-v))

    def log_jacobian(self, v: Array) -> Array:
        """Return log dx/dv: v, or log [x (1 - x / upper)]."""
        return v if np.isinf(self.upper) else np.log(self.upper) - np.logaddexp(0, v) - np.logaddexp(0, -v)

    def inverse(self, x: Array) -> Array:
        """Return v."""
        return np.log(x) if np.isinf(self.upper) else np.log(x) - np.log(self.upper - x)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Nodes (R, M) of the inner coordinate in each of R rows, and the log of the integrand times their weights."""

    inner: Array
    log_weights: Array

    @cached_property
    def log_integrals(self) -> Array:
        """The log of the integral over each row."""
        return log_sum(self.log_weights)


class Plane:
    """The integral of exp(``log_density``) over two positive parameters.

    Parameters
    ----------
    log_density
        A function of two arrays of one shape (M,), in nats. It is called with many places at once.
    coordinates
        The coordinate of each parameter. Its range reaches beyond where the integrand is of any weight.

    Raises
    ------
    ValueError
        If the integrand does not fall towards the ends of a coordinate, so that the integral is infinite.
    """

    def __init__(
        self, log_density: Callable[[Array, Array], Array], coordinates: tuple[Coordinate, Coordinate]
    ) -> None:
        first, second = coordinates

        def resolved(axis: int) -> Resolved:
            if axis == 0:
                return Resolved(log_density, first, second)
            return Resolved(lambda x, y: log_density(y, x), second, first)

        self.along = cache(resolved)

    @property
    def log_integral(self) -> float:
        """The log of the integral, in nats."""
        return self.along(0).log_integral

    @property
    def nodes(self) -> tuple[Array, Array, Array]:
        """Return the places (M,) of both parameters, and weights (M,) that sum to 1, for expectations."""
        return self.along(0).nodes

    def marginal(self, axis: int, power: float = np.inf) -> "PowerTailed":
        """Return the marginal distribution of a parameter x, whose density falls as x^-(power + 1) or faster."""
        return self.along(axis).marginal(power)

    def rvs(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return independent draws (size,) of both parameters."""
        return self.along(0).rvs(size, rng)


class Resolved:
    """The integral with enough nodes in the ``outer`` and in the ``inner`` coordinate."""

    def __init__(self, log_density: Callable[[Array, Array], Array], outer: Coordinate, inner: Coordinate) -> None:
        self._log_density, self._outer, self._inner = log_density, outer, inner
        self._range = (inner.low, inner.high)
        low, high = _windows(
            lambda v: self._rows(v.ravel(), FEWEST).log_integrals.reshape(v.shape), [outer.low], [outer.high]
        )
        self._ends = float(low[0]), float(high[0])
        intervals, self._count = FEWEST, self._enough(np.linspace(*self._ends, FEWEST + 1), FEWEST)
        while True:
            change = self._resolve(intervals)
            if abs(change) > SQUARED and intervals < MOST:
                intervals *= 2
                continue
            # Rows between those of the first grid may need more intervals.
            enough = self._enough(self._v[:: max(1, intervals // CHECKED)], self._count)
            if enough > self._count:
                self._count = enough
                continue
            if abs(change) > self._agreement and intervals < MOST:
                self._resolve(2 * intervals)
            break
        self._refuse_infinite()

    def _resolve(self, intervals: int) -> float:
        """Take this number of intervals of the outer coordinate; return what twice as many change in the integral."""
        v = np.linspace(*self._ends, intervals + 1)
        self._v, self._grid, step = v, self._rows(v, self._count), np.log(v[1] - v[0])
        self.log_integral = float(log_sum(self._grid.log_integrals) + step)
        between = self._rows((v[:-1] + v[1:]) / 2, self._count)
        # half the steps: T(h / 2) = [T(h) + M(h)] / 2, with the middles M
        return (float(log_sum(between.log_integrals) + step) - self.log_integral) / 2

    @cached_property
    def nodes(self) -> tuple[Array, Array, Array]:
        """The places of outer and inner parameter, and their weights. Those of no weight are left out."""
        weights = np.exp(self._grid.log_weights - self._grid.log_weights.max())
        weights /= weights.sum()
        row, column = np.nonzero(weights > LIGHTEST)
        kept = weights[row, column]
        x, y = self._outer.place(self._v[row]), self._inner.place(self._grid.inner[row, column])
        return x, y, kept / kept.sum()

    def few_nodes(self, outer: int, inner: int) -> tuple[Array, Array, Array]:
        """Return the same of a Gauss rule of the posterior itself: ``outer`` rows of ``inner`` nodes each.

        It is exact for polynomials of up to twice these degrees, so that a few nodes do for smooth functions.
        """
        masses = np.exp(self._grid.log_integrals - self._grid.log_integrals.max())
        x, weights = gauss_rule(self._outer.place(self._v)[None], (masses / masses.sum())[None], outer)
        rows = self._rows(self._outer.inverse(x[0]), self._count)
        masses = np.exp(rows.log_weights - rows.log_weights.max(axis=1, keepdims=True))
        y, shares = gauss_rule(self._inner.place(rows.inner), masses / masses.sum(axis=1, keepdims=True), inner)
        return np.repeat(x[0], inner), y.ravel(), (weights.T * shares).ravel()

    def marginal(self, power: float) -> "PowerTailed":
        """Return the distribution of the outer parameter."""
        width = min(PER_PANEL * (self._v[1] - self._v[0]), WIDEST)
        low, high = self._ends
        edges = self._outer.place(np.linspace(low, high, int(np.ceil((high - low) / width)) + 1))
        half = np.diff(edges) / 2
        x = (edges[:-1] + half)[:, None] + half[:, None] * _X
        density = np.exp(self._log_marginal(x.ravel()))
        return PowerTailed(edges, density.reshape(x.shape), self._log_marginal, power)

    def rvs(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return independent draws (size,) of the outer and the inner parameter, by rejection.

        They are proposed from the bilinear interpolant of the integrand, as a function of v and of the share u of the
        window in its row. The constant of the rejection is the largest ratio of both at ``PILOT`` places, and more.
        """
        weights = np.exp(self._grid.log_weights - self._grid.log_weights.max())
        bound = SAFETY * np.max(self._proposals(weights, PILOT, rng)[2])
        parts, found = [], 0
        while found < size:
            v, w, ratio = self._proposals(weights, int(SAFETY * 1.2 * (size - found)) + 10, rng)
            kept = rng.random(len(v)) < ratio / bound
            parts.append((self._outer.place(v[kept]), self._inner.place(w[kept])))
            found += int(np.count_nonzero(kept))
        x, y = (np.concatenate(part)[:size] for part in zip(*parts, strict=True))
        return x, y

    def _proposals(self, weights: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Return v and w from the interpolant, and the ratio of the integrand to it."""
        row, column = np.divmod(rng.choice(weights.size, size, p=weights.ravel() / weights.sum()), weights.shape[1])
        i, k = row + rng.triangular(-1, 0, 1, size), column + rng.triangular(-1, 0, 1, size)
        inside = (i > 0) & (i < len(weights) - 1) & (k > 0) & (k < weights.shape[1] - 1)
        i, k = i[inside], k[inside]
        row, column = i.astype(int), k.astype(int)
        di, dk = i - row, k - column
        v = self._ends[0] + i * (self._v[1] - self._v[0])
        low = (1 - di) * self._grid.inner[row, 0] + di * self._grid.inner[row + 1, 0]
        high = (1 - di) * self._grid.inner[row, -1] + di * self._grid.inner[row + 1, -1]
        w = low + (high - low) * k / self._count
        interpolated = (1 - di) * ((1 - dk) * weights[row, column] + dk * weights[row, column + 1])
        interpolated += di * ((1 - dk) * weights[row + 1, column] + dk * weights[row + 1, column + 1])
        log_density = self._values(v[:, None], w[:, None])[:, 0] + np.log((high - low) / self._count)
        return v, w, np.exp(log_density - self._grid.log_weights.max()) / interpolated

    def _log_marginal(self, x: Array) -> Array:
        """Return the log density of places x (R,) of the outer parameter, -inf where it cannot be."""
        values = np.where(np.isnan(x), np.nan, -np.inf)
        inside = np.flatnonzero((x > 0) & (x < self._outer.upper))
        for block in np.array_split(inside, 1 + len(inside) // 500):  # a million draws need memory
            v = self._outer.inverse(x[block])
            values[block] = self._rows(v, self._count).log_integrals - self._outer.log_jacobian(v) - self.log_integral
        return values

    def _enough(self, v: Array, count: int) -> int:
        """Return ``count`` or more intervals of the inner coordinate that resolve the rows of v, each by its share."""
        rows = self._rows(v, count)
        low, high = rows.inner[:, 0].min(), rows.inner[:, -1].max()
        self._range = low - (high - low) / 2, high + (high - low) / 2
        self._agreement = AGREEMENT + ROUNDING * abs(rows.log_integrals.max())
        while count < MOST:
            finer = self._rows(v, 2 * count)
            share = np.exp(finer.log_integrals - finer.log_integrals.max())
            change = np.max(share * np.minimum(abs(finer.log_integrals - rows.log_integrals), 1.0))
            if change < self._agreement:
                break
            count, rows = 2 * count, finer
            if change < SQUARED:
                break
        return count

    def _values(self, v: Array, w: Array) -> Array:
        """Return the log of the integrand over the coordinates, v (R, 1) and w (R, M)."""
        v, flat = np.broadcast_to(v, w.shape).ravel(), w.ravel()
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            values = self._log_density(self._outer.place(v), self._inner.place(flat))
        values = values + self._outer.log_jacobian(v) + self._inner.log_jacobian(flat)
        return np.where(np.isnan(values), -np.inf, values).reshape(w.shape)

    def _rows(self, v: Array, count: int) -> Rows:
        """Return the trapezoid rule of ``count`` intervals over the inner coordinate in the row of each v (R,)."""
        column, whole = v[:, None], (self._inner.low, self._inner.high)
        start, end = self._range
        low, high = _windows(lambda w: self._values(column, w), [start] * len(v), [end] * len(v))
        beyond = np.flatnonzero((low == start) | (high == end))
        if len(beyond) and self._range != whole:
            far = column[beyond]
            low[beyond], high[beyond] = _windows(
                lambda w: self._values(far, w), [whole[0]] * len(beyond), [whole[1]] * len(beyond)
            )
        w = low[:, None] + (high - low)[:, None] * np.arange(count + 1) / count
        log_step = np.log((high - low) / count)
        return Rows(inner=w, log_weights=self._values(column, w) + log_step[:, None])

    def _refuse_infinite(self) -> None:
        """Raise ValueError if the integrand is of weight at an end of a coordinate."""
        logs = self._grid.log_weights
        if max(end.max() for end in (logs[0], logs[-1], logs[:, 0], logs[:, -1])) > logs.max() - DROP / 2:
            raise ValueError(
                "the posterior is improper, or its mass is beyond the range of the integral: the density does not fall "
                "where a scale goes to 0 or infinity; give more observations that differ, or a prior that is 0 there."
            )


class PowerTailed(Tabulated):
    """A tabulated distribution of a positive x whose density falls as x^-(``power`` + 1), or faster if it is infinite.

    Its moments are infinite from that power on.
    """

    def __init__(self, edges: Array, density: Array, log_density: Callable[[Array], Array], power: float) -> None:
        super().__init__(edges, density, log_density)
        self._power = power

    def mean(self) -> float:
        """Return the mean."""
        return super().mean() if self._power > 1 else np.inf

    def var(self) -> float:
        """Return the variance."""
        return super().var() if self._power > 2 else np.inf


def _windows(f: Callable[[Array], Array], start: list[float], end: list[float]) -> tuple[Array, Array]:
    """Return the ends (R,) of the part of each row, from ``start`` to ``end``, where f (R, M) is above its cut."""
    low, high, rows = np.array(start), np.array(end), np.arange(len(start))
    for _ in range(SEARCHES):
        v = low[:, None] + (high - low)[:, None] * np.arange(SEARCH + 1) / SEARCH
        values = f(v)
        above = values > values.max(axis=1, keepdims=True) - DROP
        left = np.maximum(np.argmax(above, axis=1) - 1, 0)
        right = np.minimum(SEARCH + 1 - np.argmax(above[:, ::-1], axis=1), SEARCH)
        low, high = v[rows, left], v[rows, right]
        if np.min(right - left) > 0.7 * SEARCH:
            break
    return low, high


def gauss_rule(x: Array, weights: Array, count: int) -> tuple[Array, Array]:
    """Return places and weights (R, count) of the Gauss rules of R discrete distributions, given as (R, M).

    The recurrence of the orthogonal polynomials is that of Stieltjes, and the rule that of Golub and Welsch (Gautschi
    2004, Orthogonal Polynomials, sections 2.2 and 3.1).
    """
    # p is a polynomial times the root of the weights, so that nothing overflows where they are small
    before, p = np.zeros_like(x), np.sqrt(weights)
    jacobi, off = np.zeros((len(x), count, count)), np.zeros(len(x))
    for k in range(count):
        jacobi[:, k, k] = np.sum(x * p**2, axis=1)
        # b' p' = (x - a) p - b p_before, with b' so that p' has norm 1
        following = (x - jacobi[:, k, k, None]) * p - off[:, None] * before
        off = np.sqrt(np.sum(following**2, axis=1))
        if k + 1 < count:
            jacobi[:, k, k + 1] = jacobi[:, k + 1, k] = off
            before, p = p, following / off[:, None]
    places, vectors = np.linalg.eigh(jacobi)
    return places, vectors[:, 0] ** 2


def log_sum(values: Array) -> Array:
    """Return the log of the sum of exponentials over the last axis."""
    peak = values.max(axis=-1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - peak).sum(axis=-1)) + peak[..., 0]
