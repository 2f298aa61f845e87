r"""Ways to the gradient of a scalar function f of a vector theta that share no derivation: each is a witness.

All work on float64 vectors; `nets.testimony` brings parameter trees to them. Each takes ``f`` from a vector to a
number, the point ``theta`` (P,), and the coordinates ``index`` at which the partial derivatives are wanted, (Q,).

========================  =============================================  ===========================================
witness                   formula, h the step                            error
========================  =============================================  ===========================================
reverse mode              ``jax.grad``                                   rounding
forward mode              one ``jax.jvp`` a coordinate                   rounding
complex step              Im f(theta + i h e) / h                        rounding, if f is holomorphic: h = 1e-30
one-sided difference      (f(theta + h e) - f(theta)) / h                h f'' / 2 + eps \|f\| / h
central difference        (f(theta + h e) - f(theta - h e)) / (2 h)      h^2 f''' / 6 + eps \|f\| / h
Richardson                central at h, h/2, h/4, extrapolated to 0      O(h^6) + eps \|f\| / h
========================  =============================================  ===========================================

The differences know their own error: what the last halving of the step changed (truncation), what rounding in f does to
them, and how far the two one-sided slopes are from meeting as h -> 0, which they do unless a kink lies within the step.

References
----------
Squire, W., Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
110-112.
Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed. Springer. Section 8.1 (differences and their steps).
Ridders, C. J. F. (1982). Accurate computation of F'(x) and F'(x) F''(x). Advances in Engineering Software 4, 75-76.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Scalar = Callable[[jax.Array], jax.Array]

EPS = 2.0**-52
CENTRAL_STEP = 2.0**-17
"""The power of two next to eps^(1/3), where truncation and rounding of a central difference meet."""
RICHARDSON_STEP = 2.0**-6
"""The largest step tried. All are powers of two, so that theta + h loses no digit of h."""
COMPLEX_STEP = 1e-30
"""Nothing is subtracted, so it may be so small that h^2 is below rounding."""
BATCH = 128
"""Values of f computed at once."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and how far off each may be by its own account, both (Q,)."""

    value: jax.Array
    uncertainty: jax.Array


def reverse(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return ``jax.grad``."""
    return _exact(jax.grad(f)(theta)[index])


def forward(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return the derivative along each coordinate by ``jax.jvp``."""
    return _exact(_each(lambda j: jax.jvp(f, (theta,), (_unit(theta, j),))[1], index))


def complex_step(f: Scalar, theta: jax.Array, index: jax.Array, step: jax.Array | float = COMPLEX_STEP) -> Partials:
    """Return Im f(theta + i h e) / h, right to rounding where ``f`` is holomorphic and nonsense where it is not."""
    return _exact(_each(lambda j: jnp.imag(f(theta + 1j * step * _unit(theta, j))) / step, index))


def one_sided(f: Scalar, theta: jax.Array, index: jax.Array, step: jax.Array | float) -> Partials:
    """Return forward differences: too far off to be a witness, but the first that come to mind."""
    steps = jnp.array([step])
    first, second = _differences(f, theta, index, steps)
    # (f(+h) - f) / h is the central difference and half of (f(+h) - 2 f + f(-h)) / h, which is its truncation error.
    return Partials((first + second / 2)[0], (jnp.abs(second) + _rounding(f, theta, index, steps))[0])


def central(f: Scalar, theta: jax.Array, index: jax.Array, step: jax.Array | float = CENTRAL_STEP) -> Partials:
    """Return central differences; a coordinate larger than 1 takes a step larger by its size."""
    steps = jnp.array([step, step / 2])
    first, second = _differences(f, theta, index, steps)
    # The one-sided slopes differ by S(h) = h f'' + O(h^3): 2 S(h/2) - S(h) is O(h^3), but a jump in the slope stays.
    kink = jnp.abs(2 * second[1] - second[0])
    truncation = 4 / 3 * jnp.abs(first[0] - first[1])
    return Partials(first[0], truncation + kink + _rounding(f, theta, index, steps)[0])


def richardson(
    f: Scalar, theta: jax.Array, index: jax.Array, step: jax.Array | float = RICHARDSON_STEP, tries: int = 9
) -> Partials:
    """Return central differences at h, h/2 and h/4 extrapolated to step 0, for the h that leaves least doubt.

    h is tried at ``step`` and its halves, ``tries`` in all, for each coordinate by itself: one with a kink nearby needs
    small steps, and for the others large ones have less rounding.
    """
    steps = jnp.asarray(step) / 2.0 ** jnp.arange(tries + 2)
    first, second = _differences(f, theta, index, steps)
    once = (4 * first[1:] - first[:-1]) / 3  # no h^2 left
    twice = (16 * once[1:] - once[:-1]) / 15  # no h^4 left
    # S(h) as above; this combination has neither h nor h^3 left, and a jump at the point itself shows in full.
    kink = jnp.abs(second[2:] - 0.625 * second[1:-1] + 0.0625 * second[:-2]) / 0.4375
    doubt = jnp.abs(twice - once[1:]) + kink + _rounding(f, theta, index, steps)[2:]  # (tries, Q)
    best = jnp.argmin(jnp.where(jnp.isnan(doubt), jnp.inf, doubt), axis=0)[None, :]
    return Partials(*(jnp.take_along_axis(tried, best, axis=0)[0] for tried in (twice, doubt)))


def _differences(f: Scalar, theta: jax.Array, index: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return (f(+h) - f(-h)) / 2h and (f(+h) - 2 f + f(-h)) / h for each step and coordinate, both (steps, Q)."""
    size = scale(theta)
    coordinates = jnp.tile(jnp.asarray(index), 2 * len(steps))
    offsets = jnp.repeat(jnp.concatenate([steps, -steps]), len(index))
    values = _each(lambda jh: f(theta + jh[1] * size[jh[0]] * _unit(theta, jh[0])), (coordinates, offsets))
    up, down = jnp.reshape(values, (2, len(steps), len(index)))
    h = steps[:, None] * size[index][None, :]
    return (up - down) / (2 * h), (up - 2 * f(theta) + down) / h


def _rounding(f: Scalar, theta: jax.Array, index: jax.Array, steps: jax.Array) -> jax.Array:
    """Return what an error of one unit in the last place of f does to a difference, eps |f| / h, (steps, Q)."""
    return EPS * jnp.abs(f(theta)) / (steps[:, None] * scale(theta)[index][None, :])


def scale(theta: jax.Array) -> jax.Array:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return jnp.ldexp(1.0, jnp.frexp(jnp.maximum(1, jnp.abs(theta)))[1] - 1)


def _unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    return jnp.zeros_like(theta).at[j].set(1)


def _exact(value: jax.Array) -> Partials:
    return Partials(value, jnp.zeros_like(value))


def _each(g: Callable[[Any], jax.Array], where: Any) -> jax.Array:
    """Return ``g`` of each element of ``where``, some at a time so that memory stays bounded."""
    return jax.lax.map(g, where, batch_size=BATCH)
