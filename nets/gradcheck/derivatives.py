r"""Ways to the gradient of a scalar function f of a vector theta that share no derivation: each is a witness.

All work on float64 vectors; `nets.gradcheck.estimates` brings parameter trees to them. Each takes ``f`` from a vector
to a number, the point ``theta`` (P,), and the coordinates ``index`` at which the partial derivatives are wanted, (Q,).

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
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Scalar = Callable[[jax.Array], jax.Array]
Floats = NDArray[np.float64]

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
GRADIENT_NOISE_STEP = 16_790_213 * 2.0**-50
"""Next to 2^-26: far enough to round differently, and near enough that its square is below rounding. It has as many
digits as theta + h can hold: at points of few digits f may be exact, and then its rounding would not show."""
NOISE_STEP = 67_192_751 * 2.0**-48
"""Next to 2^-22: far enough even where 1e8 is added, and near enough that its fourth power is below rounding."""
NEARER = (262_139 * 2.0**-50, 257 * 2.0**-48)
"""Next to 2^-32 and 2^-40, for functions that turn within the step."""
BATCH_ENTRIES = 2**24
"""Entries of theta held at once, by as many copies of it as are evaluated together."""


class Partials(NamedTuple):
    """Partial derivatives at some coordinates and how far off each may be by its own account, all (Q,)."""

    value: Any
    uncertainty: Any
    rounding: Any
    """What of the uncertainty is rounding: in f for differences, in the witness itself for the others."""
    jump: Any
    """Right minus left one-sided slope at a kink of f at the point itself, 0 where there is none."""
    floor: Any
    """Rounding of f over the scale: a smaller gradient does not move f."""


class Slopes(NamedTuple):
    """Differences of f along some coordinates for some steps, what all differences here are made of."""

    first: Floats
    """(f(+h) - f(-h)) / 2h, (steps, Q)."""
    second: Floats
    """(f(+h) - 2 f + f(-h)) / h: right minus left one-sided slope, (steps, Q)."""
    h: Floats
    """Step times the scale of the coordinate, (steps, Q)."""
    value: float

    def rows(self, *which: slice) -> "Slopes":
        """Return those of some steps."""
        first, second, h = (np.concatenate([part[rows] for rows in which]) for part in self[:3])
        return Slopes(first, second, h, self.value)


def reverse(f: Scalar, theta: jax.Array, index: jax.Array) -> Partials:
    """Return ``jax.grad``."""
    return measured(lambda point: jax.grad(f)(point)[index], theta)


def forward(f: Scalar, theta: jax.Array, index: Any) -> Partials:
    """Return the derivative along each coordinate by ``jax.jvp``."""
    return measured(
        partial(_along_each, lambda point, j: jax.jvp(f, (point,), (_unit(point, j),))[1], index), theta, _at
    )


def complex_step(f: Scalar, theta: jax.Array, index: Any, step: jax.Array | float = COMPLEX_STEP) -> Partials:
    """Return Im f(theta + i h e) / h, right to rounding where ``f`` is holomorphic and nonsense where it is not."""

    def along(point: jax.Array, j: jax.Array) -> jax.Array:
        return jnp.imag(f(point + 1j * step * _unit(point, j))) / step

    stated = measured(partial(_along_each, along, index), theta, _at)
    least = jnp.finfo(float).tiny / step  # smaller imaginary parts are 0
    return stated._replace(uncertainty=stated.uncertainty + least)


def measured(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, each: Callable[..., jax.Array] = jax.lax.map
) -> Partials:
    """Return ``gradient(theta)`` with the rounding in it, from second differences over steps too small for its slope.

    g(theta + d) - 2 g(theta) + g(theta - d) is rounding alone, and of order d^2 besides; next to a kink it is the jump.
    ``each(gradient, points)`` is how it is called at the points: as one program, unless it is no JAX function.
    """
    return _with_rounding(each(gradient, _here_and_around(theta)))


@jax.jit  # one program, also where the gradient is called from Python
def _here_and_around(theta: jax.Array) -> jax.Array:
    return jnp.stack([theta, *_around(theta, GRADIENT_NOISE_STEP, 2)])


@jax.jit
def _with_rounding(values: jax.Array) -> Partials:
    value, *pairs = values
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


def rounding(f: "Scalar | Values", theta: jax.Array) -> float:
    """Return the rounding in ``f`` near ``theta``: a unit in its last place, or four sds of it where that is more.

    The sd is measured, from fourth differences over small steps (More & Wild): ``f`` may be a small difference of large
    numbers. The ``error`` of a difference is this over its step.
    """
    # To one side of theta: f may have a kink at theta, and no window over it is smooth.
    ways, steps = np.arange(4), np.array([NOISE_STEP, *NEARER])
    k, at, step = np.meshgrid(ways, np.arange(10), steps, indexing="ij")
    values = _values(f, theta)(k.ravel(), (at * step).ravel(), 0, 0.0).reshape(at.shape)
    found = rounding_of(values[:, 1:, 0])
    for nearer in np.moveaxis(values[:, 1:, 1:], 2, 0):
        if np.mean(np.diff(nearer) == 0) < 0.1:  # f moves by more than its last digit, as of 1e8 + x it does not
            found = min(found, rounding_of(nearer))  # what falls with the step was f itself, turning within it
    return max(EPS * abs(float(values[0, 0, 0])), found)


def rounding_of(values: Floats) -> float:
    """Return four sds of the rounding in ``values``, of a smooth function at ten or so neighbouring points a row."""
    with np.errstate(invalid="ignore"):
        fourth = np.abs(np.diff(values, n=4, axis=1))  # of variance 70 sigma^2
    known = fourth[np.isfinite(fourth)]  # out of the domain there is none
    return 4 * float(np.median(known)) / (0.6745 * 70**0.5) if len(known) else 0.0  # the median passes over a kink


def bends(f: "Scalar | Values", theta: jax.Array, error: float) -> bool:
    """Say whether ``f`` has a kink at ``theta`` along one of two random directions of all parameters."""
    values, (wide, near) = _values(f, theta), (SMALL_STEPS[0], SMALL_STEPS[0] / 8)
    moved = values(np.tile(np.arange(4), 3), np.repeat([0.0, wide, near], 4), 0, 0.0).reshape(3, 2, 2)
    with np.errstate(invalid="ignore"):
        second = np.abs(moved[1:].sum(axis=1) - 2 * moved[0, 0, 0]) / np.array([[wide], [near]])
    return bool(((second[1] > 32 * error / near) & (second[1] > second[0] / 2)).any())


class Values:
    """f at many points near theta, compiled once: theta + a d_k + h e_j, times the scale, with d_k random signs."""

    def __init__(self, f: Scalar, theta: jax.Array) -> None:
        self.size = np.asarray(scale(theta))
        signs = jnp.concatenate([_signs(theta, 2), -_signs(theta, 2)])

        def one(k: jax.Array, a: jax.Array, j: jax.Array, h: jax.Array) -> jax.Array:
            return f(theta + scale(theta) * (a * signs[k] + h * _unit(theta, j)))

        self._batch = max(1, min(128, BATCH_ENTRIES // len(theta)))
        self._some = jax.jit(jax.vmap(one))

    def __call__(self, k: Any, a: Any, j: Any, h: Any) -> Floats:
        """Return f for each of the arrays of numbers, which are broadcast; some at a time so that memory is bounded."""
        where = np.broadcast_arrays(np.asarray(k), np.asarray(a, float), np.asarray(j), np.asarray(h, float))
        count = len(where[0])
        batches = np.arange(count + -count % self._batch).reshape(-1, self._batch) % count
        return np.concatenate([self._some(*(part[batch] for part in where)) for batch in batches])[:count]


def _values(f: "Scalar | Values", theta: jax.Array) -> Values:
    return f if isinstance(f, Values) else Values(f, theta)


def one_sided(f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], error: float, step: float) -> Partials:
    """Return forward differences: too far off to be a witness, but the first that come to mind."""
    slopes = _slopes(f, theta, index, np.array([step]))
    first, second, over = slopes.first[0], slopes.second[0], error / slopes.h[0]
    # (f(+h) - f) / h is the central difference and half of (f(+h) - 2 f + f(-h)) / h, which is its truncation error.
    zero = np.zeros_like(over)
    return Partials(first + second / 2, np.abs(second) + over, over, zero, zero)


def central(
    f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], error: float, step: float = CENTRAL_STEP
) -> Partials:
    """Return central differences; a coordinate larger than 1 takes a step larger by its size."""
    steps = np.array([step, step / 2, *LARGE_STEPS, *SMALL_STEPS])
    return _central(_slopes(f, theta, index, steps), error, plain=step != CENTRAL_STEP)


def richardson(
    f: "Scalar | Values",
    theta: jax.Array,
    index: NDArray[np.int64],
    error: float,
    step: float = RICHARDSON_STEP,
    tries: int = 9,
) -> Partials:
    """Return central differences at h, h/2 and h/4 extrapolated to step 0, for the h that leaves least doubt.

    h is tried at ``step`` and its halves, ``tries`` in all, for each coordinate by itself: one with a kink nearby needs
    small steps, and for the others large ones have less rounding.
    """
    steps = [np.asarray(step) / 2.0 ** np.arange(tries + 2), np.array([*LARGE_STEPS, *SMALL_STEPS])]
    return _richardson(_slopes(f, theta, index, np.concatenate(steps)), error, plain=step != RICHARDSON_STEP)


def differences(
    f: "Scalar | Values", names: Sequence[str], theta: jax.Array, index: NDArray[np.int64], error: float
) -> list[Partials]:
    """Return `richardson` and `central`, as ``names`` has them; together they share steps."""
    if "richardson" not in names or "central" not in names:
        return [{"richardson": richardson, "central": central}[name](f, theta, index, error) for name in names]
    halves, centre = RICHARDSON_STEP / 2.0 ** np.arange(11), np.array([CENTRAL_STEP, CENTRAL_STEP / 2])
    slopes = _slopes(f, theta, index, np.concatenate([halves, centre, LARGE_STEPS, SMALL_STEPS]))
    shared = slice(13, None)
    said = {
        "richardson": _richardson(slopes.rows(slice(0, 11), shared), error),
        "central": _central(slopes.rows(slice(11, 13), shared), error),
    }
    return [said[name] for name in names]


def value_and_complex_step(f: Scalar, theta: jax.Array, index: Any) -> tuple[jax.Array, Partials]:
    """Return ``f`` and its `complex_step`."""
    return jnp.real(f(theta.astype(complex))), complex_step(f, theta, index)


@np.errstate(all="ignore")
def _central(slopes: Slopes, error: float, plain: bool = False) -> Partials:
    first, second, over = slopes.first, slopes.second, error / slopes.h[0]
    # The one-sided slopes differ by S(h) = h f'' + O(h^3): 2 S(h/2) - S(h) is O(h^3), but a jump in the slope stays.
    kink = np.abs(2 * second[1] - second[0])
    truncation = 8 / 3 * np.abs(first[0] - first[1])  # twice what the h^2 term makes of it
    doubt = np.maximum(truncation + kink + over, _turns(first[0], first[-3:], error / slopes.h[-1]))
    return _stated(first[0], doubt, over, slopes, error, plain)


@np.errstate(all="ignore")
def _richardson(slopes: Slopes, error: float, plain: bool = False) -> Partials:
    tried = len(slopes.h) - SHARED
    first, second, over = slopes.first[:tried], slopes.second[:tried], error / slopes.h[2:tried]
    twice, doubt = _extrapolated(first, second)
    doubt = np.maximum(
        doubt + over, np.array([_turns(each, slopes.first[-3:], error / slopes.h[-1]) for each in twice])
    )
    best = np.argmin(np.where(np.isnan(doubt), np.inf, doubt), axis=0)[None, :]
    twice, doubt, over = (np.take_along_axis(each, best, axis=0)[0] for each in (twice, doubt, over))
    return _stated(twice, doubt, over, slopes, error, plain)


def _extrapolated(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return differences at h, h/2 and h/4 extrapolated to step 0, and the doubt of them besides rounding."""
    once = (4 * first[1:] - first[:-1]) / 3  # no h^2 left
    twice = (16 * once[1:] - once[:-1]) / 15  # no h^4 left
    # S(h) as in `_central`; this combination has neither h nor h^3 left, and a jump at the point itself shows in full.
    kink = np.abs(second[2:] - 0.625 * second[1:-1] + 0.0625 * second[:-2]) / 0.4375
    return twice, np.abs(twice - once[1:]) + kink


def _stated(value: Floats, doubt: Floats, over: Floats, slopes: Slopes, error: float, plain: bool) -> Partials:
    """Return a difference with what ``slopes`` at the large and the small steps say of it, or ``plain`` as it is."""
    if plain:  # with a step that somebody chose
        zero = np.zeros_like(value)
        return Partials(value, doubt, over, zero, zero)
    first, second, h = slopes.first, slopes.second, slopes.h
    large, small = slice(len(h) - SHARED, len(h) - 3), len(h) - 3
    # Where f turns or has a kink within every step of its own, a small one may be less in doubt.
    beside = np.abs(first[small] - first[small + 1]) + np.abs(second[small + 1]) + error / h[small]
    beside = np.maximum(beside, _turns(first[small], first[-3:], error / h[-1]))
    better = ~(beside >= doubt) & np.isfinite(beside)
    value, doubt = np.where(better, first[small], value), np.where(better, beside, doubt)
    over = np.where(better, error / h[small], over)
    # A kink at the point: the one-sided slopes differ by as much at a step of 1e-5 as at one of 5e-8.
    jump, wide = second[small], second[large.start - 1]
    at_kink = (np.abs(jump) > 32 * error / h[small]) & (np.abs(wide - jump) < np.abs(jump) / 4)
    floor = error / (h[large.start] / LARGE_STEPS[0])
    # Zero: no small step can say that it is as small as that.
    far, far_doubt = (part[0] for part in _extrapolated(first[large], second[large]))
    far_doubt = far_doubt + error / h[large.stop - 1]
    zero = (far_doubt <= ZERO * floor) & (np.abs(far - value) <= doubt + far_doubt) & (np.abs(far) <= ZERO * floor)
    return Partials(
        value=np.where(zero, far, np.where(at_kink, first[small], value)),
        uncertainty=np.where(zero, far_doubt, doubt),
        rounding=np.where(zero, far_doubt, over),
        jump=np.where(at_kink, jump, 0.0),
        floor=floor,
    )


def _slopes(f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], steps: NDArray[np.float64]) -> Slopes:
    values = _values(f, theta)
    coordinates = np.tile(index, 2 * len(steps))
    offsets = np.repeat(np.concatenate([steps, -steps]), len(index))
    value, *moved = values(0, 0.0, np.append(0, coordinates), np.append(0.0, offsets))
    up, down = np.reshape(moved, (2, len(steps), len(index)))
    h = steps[:, None] * values.size[index][None, :]
    with np.errstate(all="ignore"):
        return Slopes((up - down) / (2 * h), (up - 2 * value + down) / h, h, value)


def _turns(value: Floats, small: Floats, rounding: Floats) -> Floats:
    """Return how far ``value`` (Q,) is from differences with small steps (3, Q), beyond what they differ themselves.

    Where the two smallest differ by more than ``rounding``, taken to be more than was measured, f turns within all but
    perhaps the smallest, and no difference is known better than by that.
    """
    beyond = np.abs(value[None, :] - small[:-1]) - 4 * np.abs(small[:-1] - small[1:])
    last = np.maximum(np.abs(value - small[-1]), np.abs(small[-2] - small[-1])) - 64 * rounding
    return np.maximum(np.max(beyond, axis=0), last)


def scale(theta: jax.Array) -> jax.Array:
    """Return max(1, |theta|), each down to a power of two, so that theta + h keeps every digit of h."""
    return jnp.ldexp(1.0, jnp.frexp(jnp.maximum(1, jnp.abs(theta)))[1] - 1)


def _unit(theta: jax.Array, j: jax.Array) -> jax.Array:
    return jnp.zeros_like(theta).at[j].set(1)


def _signs(theta: jax.Array, count: int) -> jax.Array:
    """Return vectors of signs, (count, P), the same for every witness."""
    return jax.random.rademacher(jax.random.key(0), (count, len(theta)), theta.dtype)


def _along_each(g: Callable[[jax.Array, jax.Array], jax.Array], index: Any, points: jax.Array) -> jax.Array:
    """Return ``g(point, j)`` for each of ``points`` and coordinates, some at a time so that memory stays bounded."""
    count = len(points) * len(index)
    batch = max(1, min(128, BATCH_ENTRIES // points.shape[1]))
    each = jnp.arange(count + -count % batch) % count  # filled up: a remainder would be compiled by itself
    at, j = jnp.divmod(each, len(index))
    made = jax.lax.map(lambda where: g(points[where[0]], jnp.asarray(index)[where[1]]), (at, j), batch_size=batch)
    return jnp.reshape(made[:count], (len(points), len(index)))


def _at(gradients: Callable[[jax.Array], jax.Array], points: jax.Array) -> jax.Array:
    return gradients(points)
