r"""Derivatives exact to rounding: reverse mode, forward mode and the complex step, with their rounding measured.

Each takes ``f`` from a vector to a number, the point ``theta`` (P,), and ``index`` (Q,), the coordinates of the partial
derivatives to compute.

Squire, W., Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
110-112.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from nets.gradcheck._function_values import BATCH_ENTRIES, Floats, Scalar, unit
from nets.gradcheck.rounding_noise import noise_stencil

COMPLEX_STEP = 1e-30
"""The step. Nothing is subtracted, so it may be so small that h^2 is below rounding."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and their error estimates, all (Q,)."""

    value: Any
    uncertainty: Any
    rounding: Any
    """The rounding part of the uncertainty: rounding in f for differences, and in the method itself for the others."""
    jump: Any
    """Right minus left one-sided slope at a kink of f at the point itself, 0 where there is none."""
    floor: Any
    """Rounding of f divided by the scale. A smaller gradient does not change f."""


def reverse(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return ``jax.grad``."""
    return value_and_rounding(lambda point: jax.grad(f)(point)[index], theta, _compiled_map)


def forward(f: Scalar, theta: jax.Array, index: Any) -> Partials:
    """Return the derivative along each coordinate by ``jax.jvp``."""
    return value_and_rounding(
        partial(_along_each, lambda point, j: jax.jvp(f, (point,), (unit(point, j),))[1], index), theta, _compiled_call
    )


def complex_step(f: Scalar, theta: jax.Array, index: Any) -> Partials:
    """Return Im f(theta + i h e) / h, accurate to rounding if ``f`` is holomorphic, and wrong if it is not."""
    partials = value_and_rounding(lambda points: complex_steps(f, points, index, COMPLEX_STEP), theta, _compiled_call)
    smallest = np.finfo(float).tiny / COMPLEX_STEP  # smaller imaginary parts are 0
    return partials._replace(uncertainty=partials.uncertainty + smallest)


def complex_steps(f: Scalar, points: jax.Array, index: Any, step: jax.Array | float) -> jax.Array:
    """Return Im f(point + i step e) / step for each of ``points`` (N, P) and coordinates, (N, Q)."""

    def along(point: jax.Array, j: jax.Array) -> jax.Array:
        return jnp.imag(f(point + 1j * step * unit(point, j))) / step

    return _along_each(along, index, points)


def value_and_rounding(
    gradient: Callable[[Any], Any], theta: ArrayLike, map_fn: Callable[[Callable[[Any], Any], Floats], ArrayLike]
) -> Partials:
    """Return ``gradient(theta)`` with its rounding, from second differences over steps too small for its slope.

    g(theta + d) - 2 g(theta) + g(theta - d) is rounding and a term of order d^2; near a kink it is the jump.
    ``map_fn(gradient, points)`` calls the gradient at the points: as one program if it is a JAX function.
    """
    value, *pairs = np.asarray(map_fn(gradient, noise_stencil(theta)))
    with np.errstate(invalid="ignore"):
        means = [(up + down) / 2 for up, down in zip(pairs[::2], pairs[1::2], strict=True)]
        uncertainty = 8 * np.maximum(*(np.abs(mean - value) for mean in means))
        rounding = np.minimum(uncertainty, 8 * np.abs(means[0] - means[1]))
    zero = np.zeros_like(value)
    return Partials(value, uncertainty, rounding, zero, zero)


def _along_each(g: Callable[[jax.Array, jax.Array], jax.Array], index: Any, points: jax.Array) -> jax.Array:
    """Return ``g(point, j)`` for each of ``points`` and coordinates, in batches so that memory stays bounded."""
    count = len(points) * len(index)
    batch = max(1, min(128, BATCH_ENTRIES // points.shape[1]))
    cases = jnp.arange(count + -count % batch) % count  # filled up: a remainder would be compiled separately
    i, j = jnp.divmod(cases, len(index))
    values = jax.lax.map(lambda case: g(points[case[0]], jnp.asarray(index)[case[1]]), (i, j), batch_size=batch)
    return jnp.reshape(values[:count], (len(points), len(index)))


def _compiled_map(gradient: Callable[[jax.Array], jax.Array], points: Floats) -> jax.Array:
    return jax.jit(partial(jax.lax.map, gradient))(points)


def _compiled_call(gradients: Callable[[jax.Array], jax.Array], points: Floats) -> jax.Array:
    return jax.jit(gradients)(points)
