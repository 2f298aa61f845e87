"""One-sided slopes of a function along a direction, and a gradient held to them: what can be said where f has a kink.

At a kink there is no derivative, and which number a rule gives there is a convention. A little to either side there is
one, and with v a direction it must be the one-sided slope of f::

    <g(theta + d v), v>  ->  lim (f(theta + h v) - f(theta)) / h        for d, h -> 0 from above, and from below
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

STEPS = 859 * 2.0 ** -np.arange(16.0, 38.0)
"""From 0.013, halved, to 6e-9."""
ASIDE = 2.0**-26
"""d: far enough from the kink to be beside it, and too near for the gradient to have changed otherwise."""
FURTHER = 4 * ASIDE
"""Where the gradient is the same as at d, unless what looks like a kink is a corner that is rounded off."""
AGREE = 1e-5
"""Relative difference of a slope and a gradient beside the point that counts as none: d and the rounding of f."""


class Sides(NamedTuple):
    """Slopes of f along a direction to the right and to the left of the point, both (2,)."""

    slopes: NDArray[np.float64]
    doubts: NDArray[np.float64]

    @property
    def kinked(self) -> bool:
        """Whether the two do not meet."""
        right, left = self.slopes
        return bool(abs(right - left) > 4 * self.doubts.sum() + AGREE * max(abs(right), abs(left)))

    def error(self, others: NDArray[np.float64]) -> float:
        """Return the larger difference, relative to the largest of all slopes."""
        return float(np.max(np.abs(self.slopes - others))) / self._size(others)

    def limit(self, others: NDArray[np.float64]) -> float:
        """Return the largest `error` that says nothing."""
        return max(AGREE, 4 * float(self.doubts.max()) / self._size(others))

    def _size(self, others: NDArray[np.float64]) -> float:
        return float(np.max(np.abs([*self.slopes, *others]))) or 1.0


def one_sided_slopes(
    f: Callable[[jax.Array], jax.Array], theta: jax.Array, v: jax.Array, error: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return slopes and doubts as in `Sides`; ``error`` is the rounding of f.

    Differences at h, h/2 and h/4 are extrapolated to step 0, for the h that leaves least doubt.
    """
    h = jnp.asarray(STEPS)
    values = jax.lax.map(lambda step: f(theta + step * v), jnp.concatenate([h, -h]))
    slopes = (jnp.reshape(values, (2, -1)) - f(theta)) / jnp.stack([h, -h])
    once = 2 * slopes[:, 1:] - slopes[:, :-1]  # no h left
    twice = (4 * once[:, 1:] - once[:, :-1]) / 3  # no h^2 left
    doubt = jnp.abs(twice - once[:, 1:]) + 8 * error / h[None, 2:]
    best = jnp.argmin(jnp.where(jnp.isnan(doubt), jnp.inf, doubt), axis=1)[:, None]
    return jnp.take_along_axis(twice, best, 1)[:, 0], jnp.take_along_axis(doubt, best, 1)[:, 0]


def slopes_beside(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, v: NDArray[np.float64], d: float = ASIDE
) -> NDArray[np.float64]:
    """Return <g(theta + d v), v> and <g(theta - d v), v>."""
    return along(gradients_beside(gradient, theta, v, d), v)


def gradients_beside(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, v: NDArray[np.float64], d: float = ASIDE
) -> NDArray[np.float64]:
    """Return g(theta + d v) and g(theta - d v), (2, P)."""
    return np.stack([np.asarray(gradient(theta + way * d * v)) for way in (1, -1)])


def along(gradients: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return <g, v> of each of ``gradients``."""
    return np.sum(gradients * v, axis=-1, where=v != 0)
