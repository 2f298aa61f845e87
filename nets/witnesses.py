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
how far they are from what steps a million times smaller say, which is little unless f turns within the step. Where the
one-sided slopes meet at no step, the kink is at the point itself and no derivative exists there. Where f stays the same
within its rounding on the way to the largest step, the derivative is zero. Rounding in f is not taken to be that of its
last operation: it is measured, and so is that of reverse, forward and complex step.

References
----------
Squire, W., Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
110-112.
Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed. Springer. Section 8.1 (differences and their steps).
Ridders, C. J. F. (1982). Accurate computation of F'(x) and F'(x) F''(x). Advances in Engineering Software 4, 75-76.
More, J. J., Wild, S. M. (2011). Estimating computational noise. SIAM J. Sci. Comput. 33, 1292-1314.
"""

from collections.abc import Callable, Sequence
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
LARGE_STEPS = (859 * 2.0**-8, 859 * 2.0**-9, 859 * 2.0**-10)
"""From 3.4 times the scale of a parameter: what they say is zero moves f by no more than its rounding."""
ZERO = 8
"""A gradient below ZERO times the rounding of f / scale, and below its own, is zero: it does not move f."""
SHARED = len(LARGE_STEPS) + len(SMALL_STEPS)
"""Steps that every difference takes besides its own, after them."""
COMPLEX_STEP = 1e-30
"""Nothing is subtracted, so it may be so small that h^2 is below rounding."""
GRADIENT_NOISE_STEP = 2.0**-26
"""Far enough to round differently, and near enough that its square is below rounding."""
NOISE_STEP = 2.0**-22
"""Far enough to round differently even where 1e8 is added, and near enough that its fourth power is below rounding."""
BATCH_ENTRIES = 2**24
"""Entries of theta held at once, by as many copies of it as are evaluated together."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and how far off each may be by its own account, all (Q,)."""

    value: jax.Array
    uncertainty: jax.Array
    rounding: jax.Array
    """What of the uncertainty is rounding: in f for differences, in the witness itself for the others."""
    jump: jax.Array
    """Right minus left one-sided slope at a kink of f at the point itself, 0 where there is none."""
    floor: jax.Array
    """Rounding of f, at the point or one scale away, over the scale: a smaller gradient does not move f."""


class Slopes(NamedTuple):
    """Differences of f along some coordinates for some steps, what all differences here are made of."""

    first: jax.Array
    """(f(+h) - f(-h)) / 2h, (steps, Q)."""
    second: jax.Array
    """(f(+h) - 2 f + f(-h)) / h: right minus left one-sided slope, (steps, Q)."""
    h: jax.Array
    """Step times the scale of the coordinate, (steps, Q)."""
    value: jax.Array
    """f, ()."""

    def rows(self, *which: slice) -> "Slopes":
        """Return those of some steps."""
        first, second, h = (jnp.concatenate([part[rows] for rows in which]) for part in self[:3])
        return Slopes(first, second, h, self.value)


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

    stated = measured(at, theta)
    least = jnp.finfo(float).tiny / step  # smaller imaginary parts are 0
    return stated._replace(uncertainty=stated.uncertainty + least)


def measured(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, each: Callable[..., jax.Array] = jax.lax.map
) -> Partials:
    """Return ``gradient(theta)`` with the rounding in it, from second differences over steps too small for its slope.

    g(theta + d) - 2 g(theta) + g(theta - d) is rounding alone, and of order d^2 besides; next to a kink it is the jump.
    ``each(gradient, points)`` is how it is called at the points: as one program, unless it is no JAX function.
    """
    value, *pairs = each(gradient, jnp.stack([theta, *_around(theta, GRADIENT_NOISE_STEP, 2)]))
    means = [(up + down) / 2 for up, down in zip(pairs[::2], pairs[1::2], strict=True)]
    uncertainty = 8 * jnp.maximum(*(jnp.abs(mean - value) for mean in means))
    zero = jnp.zeros_like(value)
    return Partials(value, uncertainty, jnp.minimum(uncertainty, 8 * jnp.abs(means[0] - means[1])), zero, zero)


def rounding_beside(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, each: Callable[..., jax.Array] = jax.lax.map
) -> jax.Array:
    """Return the rounding in ``gradient`` as its values beside ``theta`` show it, without the one there.

    A gradient that is wrong at a special point only jumps there, and its jump is no rounding. Rounding that is larger
    next to the point than a thousand times further away is that of a formula which a special case replaces.
    """
    estimates = []
    for step in (GRADIENT_NOISE_STEP, 1024 * GRADIENT_NOISE_STEP):
        pairs = each(gradient, jnp.stack(_around(theta, step, 3)))
        means = jnp.stack([(up + down) / 2 for up, down in zip(pairs[::2], pairs[1::2], strict=True)])
        estimates.append(8 * (jnp.max(means, axis=0) - jnp.min(means, axis=0)))
    return jnp.fmin(*estimates)


def _around(theta: jax.Array, step: float, pairs: int) -> list[jax.Array]:
    """Return points next to ``theta``, each followed by its mirror image."""
    return [theta + way * step * scale(theta) * signs for signs in _signs(theta, pairs) for way in (1, -1)]


def rounding(f: Scalar, theta: jax.Array) -> jax.Array:
    """Return the rounding in ``f`` near ``theta``: a unit in its last place, or four sds of it where that is more.

    The sd is measured, from fourth differences over small steps (More & Wild): ``f`` may be a small difference of large
    numbers. The ``error`` of a difference is this over its step.
    """
    # To one side of theta: f may have a kink at theta, and no window over it is smooth.
    points = jnp.stack([k * NOISE_STEP * scale(theta) * signs for signs in _signs(theta, 2) for k in range(1, 10)])
    values = jnp.reshape(_each(lambda offset: f(theta + offset), points, len(theta)), (-1, 9))
    fourth = jnp.diff(values, n=4, axis=1)  # of variance 70 sigma^2
    sd = jnp.median(jnp.abs(fourth)) / (0.6745 * 70**0.5)  # the median passes over a kink
    return jnp.maximum(EPS * jnp.abs(f(theta)), 4 * sd)


def one_sided(f: Scalar, theta: jax.Array, index: jax.Array, error: float, step: jax.Array | float) -> Partials:
    """Return forward differences: too far off to be a witness, but the first that come to mind."""
    slopes = _slopes(f, theta, index, jnp.array([step]))
    first, second, over = slopes.first[0], slopes.second[0], error / slopes.h[0]
    # (f(+h) - f) / h is the central difference and half of (f(+h) - 2 f + f(-h)) / h, which is its truncation error.
    zero = jnp.zeros_like(over)
    return Partials(first + second / 2, jnp.abs(second) + over, over, zero, zero)


def central(
    f: Scalar, theta: jax.Array, index: jax.Array, error: float, step: jax.Array | float = CENTRAL_STEP
) -> Partials:
    """Return central differences; a coordinate larger than 1 takes a step larger by its size."""
    steps = jnp.array([step, step / 2, *LARGE_STEPS, *SMALL_STEPS])
    return _central(_slopes(f, theta, index, steps), error)


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
    steps = [jnp.asarray(step) / 2.0 ** jnp.arange(tries + 2), jnp.array([*LARGE_STEPS, *SMALL_STEPS])]
    return _richardson(_slopes(f, theta, index, jnp.concatenate(steps)), error)


def differences(
    f: Scalar, names: Sequence[str], theta: jax.Array, index: jax.Array, error: float
) -> tuple[Partials, ...]:
    """Return `richardson` and `central`, as ``names`` has them; together they share steps and a compilation."""
    if "richardson" not in names or "central" not in names:
        return tuple({"richardson": richardson, "central": central}[name](f, theta, index, error) for name in names)
    halves, centre = RICHARDSON_STEP / 2.0 ** jnp.arange(11), jnp.array([CENTRAL_STEP, CENTRAL_STEP / 2])
    slopes = _slopes(f, theta, index, jnp.concatenate([halves, centre, jnp.array([*LARGE_STEPS, *SMALL_STEPS])]))
    shared = slice(13, None)
    read = {
        "richardson": _richardson(slopes.rows(slice(0, 11), shared), error),
        "central": _central(slopes.rows(slice(11, 13), shared), error),
    }
    return tuple(read[name] for name in names)


def _central(slopes: Slopes, error: float) -> Partials:
    first, second, over = slopes.first, slopes.second, error / slopes.h[0]
    # The one-sided slopes differ by S(h) = h f'' + O(h^3): 2 S(h/2) - S(h) is O(h^3), but a jump in the slope stays.
    kink = jnp.abs(2 * second[1] - second[0])
    truncation = 8 / 3 * jnp.abs(first[0] - first[1])  # twice what the h^2 term makes of it
    doubt = jnp.maximum(truncation + kink + over, _turns(first[0], first[-3:]))
    return _stated(first[0], doubt, over, slopes, error)


def _richardson(slopes: Slopes, error: float) -> Partials:
    tried = len(slopes.h) - SHARED
    first, second, over = slopes.first[:tried], slopes.second[:tried], error / slopes.h[2:tried]
    twice, doubt = _extrapolated(first, second)
    doubt = jnp.maximum(doubt + over, jax.vmap(lambda tried: _turns(tried, slopes.first[-3:]))(twice))
    best = jnp.argmin(jnp.where(jnp.isnan(doubt), jnp.inf, doubt), axis=0)[None, :]
    return _stated(*(jnp.take_along_axis(all_, best, axis=0)[0] for all_ in (twice, doubt, over)), slopes, error)


def _extrapolated(first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return differences at h, h/2 and h/4 extrapolated to step 0, and the doubt of them besides rounding."""
    once = (4 * first[1:] - first[:-1]) / 3  # no h^2 left
    twice = (16 * once[1:] - once[:-1]) / 15  # no h^4 left
    # S(h) as in `_central`; this combination has neither h nor h^3 left, and a jump at the point itself shows in full.
    kink = jnp.abs(second[2:] - 0.625 * second[1:-1] + 0.0625 * second[:-2]) / 0.4375
    return twice, jnp.abs(twice - once[1:]) + kink


def _stated(value: jax.Array, doubt: jax.Array, over: jax.Array, slopes: Slopes, error: float) -> Partials:
    """Return a difference with what ``slopes`` at the large and the small steps say of it."""
    first, second, h = slopes.first, slopes.second, slopes.h
    large, small = slice(len(h) - SHARED, len(h) - 3), len(h) - 3
    # A kink at the point: the one-sided slopes differ by as much at a step of 1e-5 as at one of 5e-8.
    jump, wide = second[small], second[large.start - 1]
    at_kink = (jnp.abs(jump) > 32 * error / h[small]) & (jnp.abs(wide - jump) < jnp.abs(jump) / 4)
    # Rounding of f, here or where the largest step leads, over the scale.
    size = h[large.start] / LARGE_STEPS[0]
    moved = h[large.start] * (jnp.abs(first[large.start]) + jnp.abs(second[large.start]))
    reach = jnp.nan_to_num(jnp.abs(slopes.value) + moved, nan=0.0, posinf=0.0)
    floor = jnp.maximum(error, EPS * reach) / size
    # Zero: no small step can say that it is as small as that.
    far, far_doubt = (part[0] for part in _extrapolated(first[large], second[large]))
    far_doubt = far_doubt + error / h[large.stop - 1]
    zero = (far_doubt <= ZERO * floor) & (jnp.abs(far - value) <= doubt + far_doubt) & (jnp.abs(far) <= ZERO * floor)
    return Partials(
        value=jnp.where(zero, far, jnp.where(at_kink, first[small], value)),
        uncertainty=jnp.where(zero, far_doubt, doubt),
        rounding=jnp.where(zero, far_doubt, over),
        jump=jnp.where(at_kink, jump, 0.0),
        floor=floor,
    )


def _slopes(f: Scalar, theta: jax.Array, index: jax.Array, steps: jax.Array) -> Slopes:
    size = scale(theta)
    coordinates = jnp.tile(jnp.asarray(index), 2 * len(steps))
    offsets = jnp.repeat(jnp.concatenate([steps, -steps]), len(index))

    def moved(where: tuple[jax.Array, jax.Array]) -> jax.Array:
        j, h = where
        return f(theta + h * size[j] * _unit(theta, j))

    values = _each(moved, (coordinates, offsets), len(theta))
    up, down = jnp.reshape(values, (2, len(steps), len(index)))
    h = steps[:, None] * size[index][None, :]
    value = f(theta)
    return Slopes((up - down) / (2 * h), (up - 2 * value + down) / h, h, value)


def _turns(value: jax.Array, small: jax.Array) -> jax.Array:
    """Return how far ``value`` (Q,) is from differences with small steps (3, Q), beyond what they differ themselves."""
    return jnp.max(jnp.abs(value[None, :] - small[:-1]) - 4 * jnp.abs(small[:-1] - small[1:]), axis=0)


def scale(theta: jax.Array) -> jax.Array:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return jnp.ldexp(1.0, jnp.frexp(jnp.maximum(1, jnp.abs(theta)))[1] - 1)


def _unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    return jnp.zeros_like(theta).at[j].set(1)


def _signs(theta: jax.Array, count: int) -> jax.Array:
    """Return vectors of signs, (count, P), the same for every witness."""
    return jax.random.rademacher(jax.random.key(0), (count, len(theta)), theta.dtype)


def _each(g: Callable[[Any], jax.Array], where: Any, parameters: int) -> jax.Array:
    """Return ``g`` of each element of ``where``, some at a time so that memory stays bounded."""
    return jax.lax.map(g, where, batch_size=max(1, min(128, BATCH_ENTRIES // parameters)))
