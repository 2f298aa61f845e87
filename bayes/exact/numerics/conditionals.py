"""Independent draws of two parameters from a density on a plane: the first by its quantiles, then the second given it.

Given the first parameter, the density of the second is a polynomial in each panel of the ``Box``, as far as rounding
shows. So its CDF is one too, and is inverted for every draw by Newton's method.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bayes.exact.numerics.boxes import ORDER, Box

BLOCK = 2**15
"""Places that are computed at once, so that they fit in a cache."""
STEPS = 60
"""Largest number of Newton steps or halvings of a bracket, which begins with the width of a panel."""
WIDTH = 3.0
"""Standard deviations that a panel has at first."""
HALVINGS = 12
"""Largest number of times that a panel is halved."""
ROUGH = 1e-12
"""Largest probability that the last two terms of a panel's series may stand for."""
NOTHING = 1e-16
"""Probability below which the first and the last panels are left out."""
PROBES = np.linspace(0.001, 0.999, 21)
"""Quantiles of the first parameter at which panels of the second are tested."""
_X, _ = legendre.leggauss(ORDER)
# (ORDER, ORDER + 1) From weighted values at the nodes to the Legendre series of the integral from the left edge
_TO_SERIES = legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2
_TO_INTEGRAL = np.array([legendre.legint(row, lbnd=-1) for row in _TO_SERIES])

type Array = NDArray[np.float64]


class SecondGivenFirst:
    """The distribution of the second parameter of a ``Box`` of two, for any values of the first."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def cdf(self, first: Array, second: Array) -> Array:
        """Return P(second parameter <= ``second`` | first parameter = ``first``), both of shape (M,)."""
        return self._by_blocks(_cdf, first, second)

    def ppf(self, first: Array, q: Array) -> Array:
        """Return the quantile ``q`` of the second parameter given ``first``, both of shape (M,)."""
        return self._by_blocks(_ppf, first, q)

    def _by_blocks(self, function: Any, first: Array, values: Array) -> Array:
        count = 1 + len(first) * len(self._edges) * ORDER // BLOCK
        blocks = np.array_split(np.arange(len(first)), count)
        return np.concatenate([function(*self._panels(first[block], self._edges), values[block]) for block in blocks])

    @cached_property
    def _edges(self) -> Array:
        """Edges of panels, in standardised coordinates, in which the density is smooth wherever the first is."""
        first, (low, high) = np.asarray(self._box.marginal(0).ppf(PROBES)), self._box.second_reach
        edges = np.linspace(low, high, 1 + max(1, int(np.ceil((high - low) / WIDTH))))
        for _ in range(HALVINGS):
            _, weights = self._panels(first, edges)
            something = np.flatnonzero(weights.sum(axis=2).max(axis=0) > NOTHING)
            rough = np.max(abs((weights @ _TO_SERIES)[..., -2:]), axis=(0, 2)) > ROUGH
            middles = ((edges[:-1] + edges[1:]) / 2)[rough]
            edges = np.sort(np.concatenate([edges[something[0] : something[-1] + 2], middles]))
            if not rough.any():
                break
        return edges

    def _panels(self, first: Array, edges: Array) -> tuple[Array, Array]:
        """Return places and weights of the second parameter's nodes (M, panels, ORDER); the weights sum to 1."""
        places, log_weights = self._box.second_given_first(first, edges)
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return places.reshape(len(first), -1, ORDER), weights.reshape(len(first), -1, ORDER)


def draws(box: Box, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return ``size`` independent draws of both parameters, each (size,)."""
    first = np.asarray(box.marginal(0).ppf(rng.random(size)))
    return first, SecondGivenFirst(box).ppf(first, rng.random(size))


def _cdf(places: Array, weights: Array, values: Array) -> Array:
    left, half = _edges(places)
    panel = np.clip(np.sum(left <= values[:, None], axis=1) - 1, 0, left.shape[1] - 1)
    rows = np.arange(len(values))
    x = np.clip((values - left[rows, panel]) / half[rows, panel] - 1, -1, 1)
    below = np.cumsum(weights.sum(axis=2), axis=1)[rows, panel] - weights.sum(axis=2)[rows, panel]
    inside = legendre.legval(x, (weights[rows, panel] @ _TO_INTEGRAL).T, tensor=False)
    return np.clip(below + inside, 0, 1)


def _ppf(places: Array, weights: Array, q: Array) -> Array:
    left, half = _edges(places)
    masses = weights.sum(axis=2)
    cumulative = np.cumsum(masses, axis=1)
    panel = np.minimum(np.sum(cumulative < q[:, None], axis=1), masses.shape[1] - 1)
    rows = np.arange(len(q))
    level = q - (cumulative - masses)[rows, panel]
    integral = (weights[rows, panel] @ _TO_INTEGRAL).T
    slope = (weights[rows, panel] @ _TO_SERIES).T
    # beginning with the first node whose cumulative weight reaches the level
    x = _X[np.sum(np.cumsum(weights[rows, panel], axis=1)[:, :-1] < level[:, None], axis=1)]
    low, high = np.full(len(q), -1.0), np.ones(len(q))
    for _ in range(STEPS):
        excess = legendre.legval(x, integral, tensor=False) - level
        low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = x - excess / legendre.legval(x, slope, tensor=False)
        step = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2) - x
        x = x + step
        if np.all((abs(step) < np.finfo(float).eps) | (abs(excess) < np.finfo(float).eps * q)):
            break
    return left[rows, panel] + half[rows, panel] * (1 + x)


def _edges(places: Array) -> tuple[Array, Array]:
    """Return the left edge of every panel and half its width, both (M, panels)."""
    half = (places[..., -1] - places[..., 0]) / (_X[-1] - _X[0])
    return places[..., 0] - half * (1 + _X[0]), half
