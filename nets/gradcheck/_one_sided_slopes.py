"""One-sided slopes of a function along a direction. A gradient is checked against them where f has a kink.

At a kink there is no derivative, and the value that a rule returns there is a convention. Near the kink, on either
side, there is a derivative. With v a direction, it must be the one-sided slope of f::

    <g(theta + d v), v>  ->  lim (f(theta + h v) - f(theta)) / h        for d, h -> 0 from above, and from below
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

STEPS = 859 * 2.0 ** -np.arange(16.0, 38.0)
"""Steps from 0.013 down to 6e-9, each half of the one before."""
NEAR = 2.0**-26
"""The distance d: large enough to leave the kink, and too small for any other change of the gradient."""
FAR = 4 * NEAR
"""A larger d. The gradient is the same here as at `NEAR`, unless the apparent kink is a smoothed corner."""
SLOPE_TOLERANCE = 1e-5
"""Relative difference between a slope and a nearby gradient that is ignored, since d and the rounding of f cause it."""


class OneSidedSlopes(NamedTuple):
    """Slopes of f along a direction to the right and to the left of the point, both (2,)."""

    slopes: NDArray[np.float64]
    uncertainties: NDArray[np.float64]

    @property
    def has_kink(self) -> bool:
        """Whether the two slopes differ."""
        right, left = self.slopes
        tolerance = SLOPE_TOLERANCE * max(abs(right), abs(left))
        return bool(abs(right - left) > 4 * self.uncertainties.sum() + tolerance)

    def error(self, others: NDArray[np.float64]) -> float:
        """Return the larger difference from ``others``, relative to the largest of all slopes."""
        return float(np.max(np.abs(self.slopes - others))) / self._scale(others)

    def limit(self, others: NDArray[np.float64]) -> float:
        """Return the largest `error` that is within the uncertainty of the slopes."""
        return max(SLOPE_TOLERANCE, 4 * float(self.uncertainties.max()) / self._scale(others))

    def _scale(self, others: NDArray[np.float64]) -> float:
        return float(np.max(np.abs([*self.slopes, *others]))) or 1.0


def one_sided_slopes(
    f: Callable[[jax.Array], jax.Array], theta: jax.Array, v: jax.Array, error: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return slopes and uncertainties as in `OneSidedSlopes`; ``error`` is the rounding of f.

    Differences at h, h/2 and h/4 are extrapolated to step 0, for the h with the smallest error estimate.
    """
    h = jnp.asarray(STEPS)
    values = jax.lax.map(lambda step: f(theta + step * v), jnp.concatenate([h, -h]))
    slopes = (jnp.reshape(values, (2, -1)) - f(theta)) / jnp.stack([h, -h])
    first = 2 * slopes[:, 1:] - slopes[:, :-1]  # no h left
    second = (4 * first[:, 1:] - first[:, :-1]) / 3  # no h^2 left
    uncertainty = jnp.abs(second - first[:, 1:]) + 8 * error / h[None, 2:]
    best = jnp.argmin(jnp.where(jnp.isnan(uncertainty), jnp.inf, uncertainty), axis=1)[:, None]
    return jnp.take_along_axis(second, best, 1)[:, 0], jnp.take_along_axis(uncertainty, best, 1)[:, 0]


def nearby_slopes(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, v: NDArray[np.float64], d: float = NEAR
) -> NDArray[np.float64]:
    """Return <g(theta + d v), v> and <g(theta - d v), v>."""
    return inner_products(nearby_gradients(gradient, theta, v, d), v)


def nearby_gradients(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, v: NDArray[np.float64], d: float = NEAR
) -> NDArray[np.float64]:
    """Return g(theta + d v) and g(theta - d v), (2, P)."""
    return np.stack([np.asarray(gradient(theta + sign * d * v)) for sign in (1, -1)])


def inner_products(gradients: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return <g, v> of each of ``gradients``."""
    return np.sum(gradients * v, axis=-1, where=v != 0)
