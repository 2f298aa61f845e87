"""Unconstrained points: the value variables of a PyMC model as one vector, and a function of it at many points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
from numpy.typing import ArrayLike, NDArray

from bayes.sampling._jax_engines import initial_position
from bayes.sampling.improper import require_whole_data

BLOCK = 1000
"""Points that are evaluated at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Coordinates:
    """Where each value variable of a model is in a point z of D numbers."""

    start: NDArray[np.float64]
    """PyMC's initial point, (D,)."""
    slices: dict[str, slice]
    """Name of a value variable -> its coordinates."""
    shapes: tuple[tuple[int, ...], ...]
    """The shapes of the value variables."""

    def split(self, z: jax.Array) -> list[jax.Array]:
        """Return the value variables at a point (D,)."""
        return [z[place].reshape(shape) for place, shape in zip(self.slices.values(), self.shapes, strict=True)]


def coordinates(model: pm.Model) -> Coordinates:
    """Return the coordinates of ``model``, which has one free variable at least.

    Raises ValueError if it has a ``pm.Minibatch``, whose density is another at each call.
    """
    require_whole_data(model)
    with jax.enable_x64(True):
        start = [np.asarray(value) for value in initial_position(model)]
    ends = np.cumsum([value.size for value in start]).tolist()
    return Coordinates(
        start=np.concatenate([np.ravel(value) for value in start]).astype(np.float64),
        slices={
            variable.name: slice(end - value.size, end)
            for variable, end, value in zip(model.value_vars, ends, start, strict=True)
        },
        shapes=tuple(value.shape for value in start),
    )


def every_point(function: Callable[[jax.Array], Any]) -> Callable[[ArrayLike], Any]:
    """Return the ``function`` of one point as a compiled function of points (M, D), in float64.

    It is called for blocks of points. XLA 0.12 compiles some log densities wrongly for thousands of points at once
    (``benchmarks/xla_batches.py``), and no point depends on the others.
    """
    compiled = jax.jit(jax.vmap(function))

    def vectorised(points: ArrayLike) -> Any:
        z = np.asarray(points, dtype=np.float64)
        M = len(z)
        blocks = -(-M // BLOCK)
        if blocks > 1:  # one shape, so that it is compiled once
            z = np.concatenate([z, np.repeat(z[-1:], blocks * BLOCK - M, axis=0)])
        with jax.enable_x64(True):
            values = [compiled(jnp.asarray(block)) for block in np.split(z, blocks)]
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:M], *values)

    return vectorised
