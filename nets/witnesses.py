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
them, how far the two one-sided slopes are from meeting as h -> 0, which they do unless a kink lies within the step, and
how far they are from what steps a million times smaller say, which is little unless f turns within the step. Rounding
in f is not taken to be that of its last operation: it is measured, and so is that of reverse, forward and complex step.

References
----------
Squire, W., Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
110-112.
Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed. Springer. Section 8.1 (differences and their steps).
Ridders, C. J. F. (1982). Accurate computation of F'(x) and F'(x) F''(x). Advances in Engineering Software 4, 75-76.
More, J. J., Wild, S. M. (2011). Estimating computational noise. SIAM J. Sci. Comput. 33, 1292-1314.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Scalar = Callable[[jax.Array], jax.Array]

EPS = 2.0**-52
CENTRAL_STEP = 859 * 2.0**-27
"""Next to eps^(1/3), where truncation and rounding of a central difference meet. Steps have few binary digits, so that
theta + h loses none of h, but are no powers of two: a period of f could divide those."""
RICHARDSON_STEP = 859 * 2.0**-16
"""The largest step tried, 0.013."""
SMALL_STEPS = (859 * 2.0**-34, 859 * 2.0**-41, 859 * 2.0**-48)
"""Steps that are too small to be accurate, and judge whether f turned within a larger one."""
COMPLEX_STEP = 1e-30
"""Nothing is subtracted, so it may be so small that h^2 is below rounding."""
GRADIENT_NOISE_STEP = 2.0**-26
"""Far enough to round differently, and near enough that its square is below rounding."""
NOISE_STEP = 2.0**-22
"""Far enough to round differently even where 1e8 is added, and near enough that its fourth power is below rounding."""
BATCH_ENTRIES = 2**24
"""Entries of theta held at once, by as many copies of it as are evaluated together."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and how far off each may be by its own account, both (Q,)."""

    value: jax.Array
    uncertainty: jax.Array


def reverse(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return ``jax.grad``."""
    return measured(lambda point: jax.grad(f)(point)[index], theta)


def forward(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return the derivative along each coordinate by ``jax.jvp``."""
    return measured(
        lambda point: _each(lambda j: jax.jvp(f, (point,), (_unit(point, j),))[1], index, len(theta)), theta
    )


def complex_step(f: Scalar, theta: jax.Array, index: jax.Array, step: jax.Array | float = COMPLEX_STEP) -> Partials:
    """Return Im f(theta + i h e) / h, right to rounding where ``f`` is holomorphic and nonsense where it is not."""

    def at(point: jax.Array) -> jax.Array:
        return _each(lambda j: jnp.imag(f(point + 1j * step * _unit(point, j))) / step, index, len(theta))

    value, uncertainty = measured(at, theta)
    return Partials(value, uncertainty + jnp.finfo(float).tiny / step)  # smaller imaginary parts are 0


def measured(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, each: Callable[..., jax.Array] = jax.lax.map
) -> Partials:
    """Return ``gradient(theta)`` with the rounding in it, from second differences over steps too small for its slope.

    g(theta + d) - 2 g(theta) + g(theta - d) is rounding alone, and of order d^2 besides; next to a kink it is the jump.
    ``each(gradient, points)`` is how it is called at the points: as one program, unless it is no JAX function.
    """
    one, two = (GRADIENT_NOISE_STEP * scale(theta) * signs for signs in _signs(theta))
    points = jnp.stack([theta, theta + one, theta - one, theta + two, theta - two])  # (5, P)
    value, up, down, up_too, down_too = each(gradient, points)
    seconds = jnp.maximum(jnp.abs(up - 2 * value + down), jnp.abs(up_too - 2 * value + down_too))
    return Partials(value, 4 * seconds)


def rounding(f: Scalar, theta: jax.Array) -> jax.Array:
    """Return the rounding in ``f`` near ``theta``: a unit in its last place, or four sds of it where that is more.

    The sd is measured, from fourth differences over small steps (More & Wild): ``f`` may be a small difference of large
    numbers. The ``error`` of a difference is this over its step.
    """
    points = jnp.stack([k * NOISE_STEP * scale(theta) * signs for signs in _signs(theta) for k in range(-4, 5)])
    values = jnp.reshape(_each(lambda offset: f(theta + offset), points, len(theta)), (-1, 9))
    fourth = jnp.diff(values, n=4, axis=1)  # of variance 70 sigma^2
    sd = jnp.median(jnp.abs(fourth)) / (0.6745 * 70**0.5)  # the median passes over a kink
    return jnp.maximum(EPS * jnp.abs(f(theta)), 4 * sd)


def one_sided(f: Scalar, theta: jax.Array, index: jax.Array, error: float, step: jax.Array | float) -> Partials:
    """Return forward differences: too far off to be a witness, but the first that come to mind."""
    steps = jnp.array([step])
    first, second = _differences(f, theta, index, steps)
    # (f(+h) - f) / h is the central difference and half of (f(+h) - 2 f + f(-h)) / h, which is its truncation error.
    return Partials((first + second / 2)[0], (jnp.abs(second) + _over(error, theta, index, steps))[0])


def central(
    f: Scalar, theta: jax.Array, index: jax.Array, error: float, step: jax.Array | float = CENTRAL_STEP
) -> Partials:
    """Return central differences; a coordinate larger than 1 takes a step larger by its size."""
    steps = jnp.array([step, step / 2, *SMALL_STEPS])
    first, second = _differences(f, theta, index, steps)
    over = _over(error, theta, index, steps)
    # The one-sided slopes differ by S(h) = h f'' + O(h^3): 2 S(h/2) - S(h) is O(h^3), but a jump in the slope stays.
    kink = jnp.abs(2 * second[1] - second[0])
    truncation = 8 / 3 * jnp.abs(first[0] - first[1])  # twice what the h^2 term makes of it
    doubt = truncation + kink + over[0]
    return Partials(first[0], jnp.maximum(doubt, _turns(first[0], first[2:])))


def richardson(
    f: Scalar,
    theta: jax.Array,
    index: jax.Array,
    error: float,
    step: jax.Array | float = RICHARDSON_STEP,
    tries: int = 9,
) -> Partials:
    """Return central differences at h, h/2 and h/4 extrapolated to step 0, for the h that leaves least doubt.

    h is tried at ``step`` and its halves, ``tries`` in all, for each coordinate by itself: one with a kink nearby needs
    small steps, and for the others large ones have less rounding.
    """
    steps = jnp.concatenate([jnp.asarray(step) / 2.0 ** jnp.arange(tries + 2), jnp.array(SMALL_STEPS)])
    first, second = _differences(f, theta, index, steps)
    over = _over(error, theta, index, steps)
    small = first[tries + 2 :]
    first, second, over = first[: tries + 2], second[: tries + 2], over[: tries + 2]
    once = (4 * first[1:] - first[:-1]) / 3  # no h^2 left
    twice = (16 * once[1:] - once[:-1]) / 15  # no h^4 left
    # S(h) as above; this combination has neither h nor h^3 left, and a jump at the point itself shows in full.
    kink = jnp.abs(second[2:] - 0.625 * second[1:-1] + 0.0625 * second[:-2]) / 0.4375
    doubt = jnp.abs(twice - once[1:]) + kink + over[2:]  # (tries, Q)
    doubt = jnp.maximum(doubt, jax.vmap(lambda tried: _turns(tried, small))(twice))
    best = jnp.argmin(jnp.where(jnp.isnan(doubt), jnp.inf, doubt), axis=0)[None, :]
    return Partials(*(jnp.take_along_axis(tried, best, axis=0)[0] for tried in (twice, doubt)))


def _differences(f: Scalar, theta: jax.Array, index: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return (f(+h) - f(-h)) / 2h and (f(+h) - 2 f + f(-h)) / h for each step and coordinate, both (steps, Q)."""
    size = scale(theta)
    coordinates = jnp.tile(jnp.asarray(index), 2 * len(steps))
    offsets = jnp.repeat(jnp.concatenate([steps, -steps]), len(index))

    def moved(where: tuple[jax.Array, jax.Array]) -> jax.Array:
        j, h = where
        return f(theta + h * size[j] * _unit(theta, j))

    values = _each(moved, (coordinates, offsets), len(theta))
    up, down = jnp.reshape(values, (2, len(steps), len(index)))
    h = steps[:, None] * size[index][None, :]
    return (up - down) / (2 * h), (up - 2 * f(theta) + down) / h


def _over(error: float, theta: jax.Array, index: jax.Array, steps: jax.Array) -> jax.Array:
    """Return what an ``error`` of f does to a difference, error / h, (steps, Q)."""
    return error / (steps[:, None] * scale(theta)[index][None, :])


def _turns(value: jax.Array, small: jax.Array) -> jax.Array:
    """Return how far ``value`` (Q,) is from differences with small steps (3, Q), beyond what they differ themselves."""
    return jnp.max(jnp.abs(value[None, :] - small[:-1]) - 4 * jnp.abs(small[:-1] - small[1:]), axis=0)


def scale(theta: jax.Array) -> jax.Array:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return jnp.ldexp(1.0, jnp.frexp(jnp.maximum(1, jnp.abs(theta)))[1] - 1)


def _unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    return jnp.zeros_like(theta).at[j].set(1)


def _signs(theta: jax.Array) -> jax.Array:
    """Return two vectors of signs, (2, P), the same for every witness."""
    return jax.random.rademacher(jax.random.key(0), (2, len(theta)), theta.dtype)


def _each(g: Callable[[Any], jax.Array], where: Any, parameters: int) -> jax.Array:
    """Return ``g`` of each element of ``where``, some at a time so that memory stays bounded."""
    return jax.lax.map(g, where, batch_size=max(1, min(128, BATCH_ENTRIES // parameters)))
