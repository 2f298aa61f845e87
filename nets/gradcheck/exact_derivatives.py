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

from nets.gradcheck._function_values import BATCH_ENTRIES, Scalar, unit
from nets.gradcheck.rounding_noise import noise_stencil

COMPLEX_STEP = 1e-30
"""Nothing is subtracted, so the step may be so small that h^2 is below rounding."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and their error estimates, all (Q,)."""

    value: Any
    uncertainty: Any
    rounding: Any
    """The part of the uncertainty that is rounding: in f for differences, in the method itself for the others."""
    jump: Any
    """Right minus left one-sided slope at a kink of f at the point itself, 0 where there is none."""
    floor: Any
    """Rounding of f over the scale: a smaller gradient does not change f."""


def reverse(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return ``jax.grad``."""
    return value_and_rounding(lambda point: jax.grad(f)(point)[index], theta)


def forward(f: Scalar, theta: jax.Array, index: Any) -> Partials:
    """Return the derivative along each coordinate by ``jax.jvp``."""
    return value_and_rounding(
        partial(_along_each, lambda point, j: jax.jvp(f, (point,), (unit(point, j),))[1], index), theta, _call
    )


def complex_step(f: Scalar, theta: jax.Array, index: Any, step: jax.Array | float = COMPLEX_STEP) -> Partials:
    """Return Im f(theta + i h e) / h, accurate to rounding if ``f`` is holomorphic, and wrong if it is not."""

    def along(point: jax.Array, j: jax.Array) -> jax.Array:
        return jnp.imag(f(point + 1j * step * unit(point, j))) / step

    partials = value_and_rounding(partial(_along_each, along, index), theta, _call)
    smallest = jnp.finfo(float).tiny / step  # smaller imaginary parts are 0
    return partials._replace(uncertainty=partials.uncertainty + smallest)


def value_and_rounding(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, map_fn: Callable[..., jax.Array] = jax.lax.map
) -> Partials:
    """Return ``gradient(theta)`` with its rounding, from second differences over steps too small for its slope.

    g(theta + d) - 2 g(theta) + g(theta - d) is rounding and a term of order d^2; near a kink it is the jump.
    ``map_fn(gradient, points)`` calls the gradient at the points: as one program if it is a JAX function.
    """
    return _with_rounding(map_fn(gradient, noise_stencil(theta)))


@jax.jit
def _with_rounding(values: jax.Array) -> Partials:
    value, *pairs = values
    means = [(up + down) / 2 for up, down in zip(pairs[::2], pairs[1::2], strict=True)]
    uncertainty = 8 * jnp.maximum(*(jnp.abs(mean - value) for mean in means))
    zero = jnp.zeros_like(value)
    return Partials(value, uncertainty, jnp.minimum(uncertainty, 8 * jnp.abs(means[0] - means[1])), zero, zero)


def value_and_complex_step(f: Scalar, theta: jax.Array, index: Any) -> tuple[jax.Array, Partials]:
    """Return ``f`` and its `complex_step`."""
    return jnp.real(f(theta.astype(complex))), complex_step(f, theta, index)


def _along_each(g: Callable[[jax.Array, jax.Array], jax.Array], index: Any, points: jax.Array) -> jax.Array:
    """Return ``g(point, j)`` for each of ``points`` and coordinates, in batches so that memory stays bounded."""
    count = len(points) * len(index)
    batch = max(1, min(128, BATCH_ENTRIES // points.shape[1]))
    cases = jnp.arange(count + -count % batch) % count  # filled up: a remainder would be compiled separately
    i, j = jnp.divmod(cases, len(index))
    values = jax.lax.map(lambda case: g(points[case[0]], jnp.asarray(index)[case[1]]), (i, j), batch_size=batch)
    return jnp.reshape(values[:count], (len(points), len(index)))


def _call(gradients: Callable[[jax.Array], jax.Array], points: jax.Array) -> jax.Array:
    return gradients(points)
