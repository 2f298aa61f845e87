"""A function at many points near one, compiled once and called in batches, so that memory is bounded."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Scalar = Callable[[jax.Array], jax.Array]
Floats = NDArray[np.float64]

BATCH_ENTRIES = 2**24
"""Largest number of entries of theta in memory, over all copies of it that are evaluated together."""


class Values:
    """f at many points near theta, compiled once: theta + a d_k + h e_j, times the scale, with d_k random signs."""

    def __init__(self, f: Scalar, theta: jax.Array) -> None:
        self.scale = np.asarray(scale(theta))
        signs = jnp.concatenate([random_signs(theta, 2), -random_signs(theta, 2)])

        def value(k: jax.Array, a: jax.Array, j: jax.Array, h: jax.Array) -> jax.Array:
            return f(theta + scale(theta) * (a * signs[k] + h * unit(theta, j)))

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


def scale(theta: jax.Array) -> jax.Array:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return jnp.ldexp(1.0, jnp.frexp(jnp.maximum(1, jnp.abs(theta)))[1] - 1)


def unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    """Return the unit vector of coordinate ``j``, with the shape of ``theta``."""
    return jnp.zeros_like(theta).at[j].set(1)


def random_signs(theta: jax.Array, count: int) -> jax.Array:
    """Return vectors of signs, (count, P), the same for every method."""
    return jax.random.rademacher(jax.random.key(0), (count, len(theta)), theta.dtype)
