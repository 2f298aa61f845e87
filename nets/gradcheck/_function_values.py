"""A function at many points near one, compiled once and called in batches, so that memory is bounded."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

Scalar = Callable[[jax.Array], jax.Array]
Floats = NDArray[np.float64]

BATCH_ENTRIES = 2**24
"""Largest number of entries of theta in memory, over all copies of it that are evaluated together."""


class Values:
    """f at many points near theta, compiled once: theta + a d_k + h e_j, times the scale, with d_k random signs."""

    def __init__(self, f: Scalar, theta: jax.Array) -> None:
        self.scale = size = scale(theta)  # `value` must not hold self: JAX keeps what it traced until f is collected
        signs = random_signs(theta, 2)
        directions = jnp.asarray(np.concatenate([signs, -signs]))

        def value(k: jax.Array, a: jax.Array, j: jax.Array, h: jax.Array) -> jax.Array:
            return f(theta + size * (a * directions[k] + h * unit(theta, j)))

        self._batch_size = max(1, min(128, BATCH_ENTRIES // len(theta)))
        self._batch_values = jax.jit(jax.vmap(value))

    def __call__(self, k: Any, a: Any, j: Any, h: Any) -> Floats:
        """Return f for each of the arrays of numbers, which are broadcast; in batches, so that memory is bounded."""
        arrays = np.broadcast_arrays(np.asarray(k), np.asarray(a, float), np.asarray(j), np.asarray(h, float))
        count = len(arrays[0])
        batches = np.arange(count + -count % self._batch_size).reshape(-1, self._batch_size) % count
        return np.concatenate([self._batch_values(*(array[batch] for array in arrays)) for batch in batches])[:count]


def values_of(f: "Scalar | Values", theta: jax.Array) -> Values:
    """Return ``f`` as `Values` near ``theta``, compiled already if it is."""
    return f if isinstance(f, Values) else Values(f, theta)


def scale(theta: ArrayLike) -> Floats:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return np.ldexp(1.0, np.frexp(np.maximum(1, np.abs(theta)))[1] - 1)


def unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    """Return the unit vector of coordinate ``j``, with the shape of ``theta``."""
    return jnp.zeros_like(theta).at[j].set(1)


def random_signs(theta: ArrayLike, count: int) -> Floats:
    """Return vectors of signs, (count, P), the same for every method; each differs from the first in half its signs.

    By chance two vectors of few signs might be parallel, and a kink would show along one line only.
    """
    rng = np.random.default_rng(0)
    signs, place = rng.choice([-1.0, 1.0], np.size(theta)), rng.permutation(np.size(theta))
    halves = [np.ones(len(place)), *(np.where(place >> k & 1, -1.0, 1.0) for k in range(count - 1))]
    return signs * np.stack(halves)
