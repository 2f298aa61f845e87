r"""Finite differences of a scalar function f of a vector theta, each with an estimate of its own error.

Each takes ``f`` from a vector to a number, the point ``theta`` (P,), ``index`` (Q,), the coordinates of the partial
derivatives to compute, and ``error``, the rounding in f. What it returns as its uncertainty has four parts: the change
by the last halving of the step (truncation), the rounding in f divided by the step, the difference of the two one-sided
slopes as h -> 0, which is zero unless a kink lies within the step, and the distance from differences with steps a
million times smaller, which is small unless f oscillates within the step. Where the one-sided slopes differ at every
step, the kink is at the point itself and no derivative exists there. Where f is constant within its rounding up to the
largest step, the derivative is zero. The rounding in f is not assumed to be that of its last operation: it is measured
(`nets.gradcheck.rounding_noise`).

References
----------
Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed. Springer. Section 8.1 (differences and their steps).
Ridders, C. J. F. (1982). Accurate computation of F'(x) and F'(x) F''(x). Advances in Engineering Software 4, 75-76.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck._function_values import Floats, Scalar, Values, values_of
from nets.gradcheck.exact_derivatives import Partials

CENTRAL_STEP = 859 * 2.0**-27
"""Near eps^(1/3), where truncation and rounding of a central difference balance. Steps have few binary digits, so that
theta + h keeps every digit of h, but are no powers of two: those could be multiples of a period of f."""
RICHARDSON_STEP = 859 * 2.0**-16
"""The largest step tried, 0.013."""
SMALL_STEPS = (859 * 2.0**-34, 859 * 2.0**-41, 859 * 2.0**-48)
"""Steps that are too small to be accurate: they show whether f oscillates within a larger one."""
LARGE_STEPS = (859 * 2.0**-8, 859 * 2.0**-9, 859 * 2.0**-10)
"""Steps from 3.4 times the scale of a parameter down. A gradient that is zero over them changes f only by rounding."""
ZERO = 8
"""A gradient below ZERO times the rounding of f / scale, and below its own rounding, is zero: it does not change f."""
SHARED = len(LARGE_STEPS) + len(SMALL_STEPS)
"""Number of steps that all differences share. They come after the steps of each difference."""


class Slopes(NamedTuple):
    """Differences of f along some coordinates for some steps: all finite differences are computed from them."""

    first: Floats
    """(f(+h) - f(-h)) / 2h, (steps, Q)."""
    second: Floats
    """(f(+h) - 2 f + f(-h)) / h: right minus left one-sided slope, (steps, Q)."""
    h: Floats
    """Step times the scale of the coordinate, (steps, Q)."""
    value: float

    def rows(self, *which: slice) -> "Slopes":
        """Return the slopes of some steps."""
        first, second, h = (np.concatenate([part[rows] for rows in which]) for part in self[:3])
        return Slopes(first, second, h, self.value)


def has_kink(f: "Scalar | Values", theta: jax.Array, error: float) -> bool:
    """Say whether ``f`` has a kink at ``theta`` along one of two random directions of all parameters."""
    f_values, (far, near) = values_of(f, theta), (SMALL_STEPS[0], SMALL_STEPS[0] / 8)
    values = f_values(np.tile(np.arange(4), 3), np.repeat([0.0, far, near], 4), 0, 0.0).reshape(3, 2, 2)
    with np.errstate(invalid="ignore"):
        second = np.abs(values[1:].sum(axis=1) - 2 * values[0, 0, 0]) / np.array([[far], [near]])
    return bool(((second[1] > 32 * error / near) & (second[1] > second[0] / 2)).any())


def one_sided(f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], error: float, step: float) -> Partials:
    """Return forward differences, which are the best known but too inaccurate for a check."""
    slopes = _slopes(f, theta, index, np.array([step]))
    first, second, rounding = slopes.first[0], slopes.second[0], error / slopes.h[0]
    # (f(+h) - f) / h is the central difference and half of (f(+h) - 2 f + f(-h)) / h, which is its truncation error.
    zero = np.zeros_like(rounding)
    return Partials(first + second / 2, np.abs(second) + rounding, rounding, zero, zero)


def central(
    f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], error: float, step: float = CENTRAL_STEP
) -> Partials:
    """Return central differences; the step is multiplied by the magnitude of a coordinate larger than 1."""
    steps = np.array([step, step / 2, *LARGE_STEPS, *SMALL_STEPS])
    return _central(_slopes(f, theta, index, steps), error, raw=step != CENTRAL_STEP)


def richardson(
    f: "Scalar | Values",
    theta: jax.Array,
    index: NDArray[np.int64],
    error: float,
    step: float = RICHARDSON_STEP,
    tries: int = 9,
) -> Partials:
    """Return central differences at h, h/2 and h/4 extrapolated to step 0, for the h with the smallest error estimate.

    h is ``step`` and its halves, ``tries`` in all, for each coordinate separately: a coordinate with a kink nearby
    needs small steps, and for the others large steps have less rounding.
    """
    steps = [np.asarray(step) / 2.0 ** np.arange(tries + 2), np.array([*LARGE_STEPS, *SMALL_STEPS])]
    return _richardson(_slopes(f, theta, index, np.concatenate(steps)), error, raw=step != RICHARDSON_STEP)


def differences(
    f: "Scalar | Values", names: Sequence[str], theta: jax.Array, index: NDArray[np.int64], error: float
) -> list[Partials]:
    """Return `richardson` and `central`, in the order of ``names``; together they share steps."""
    if "richardson" not in names or "central" not in names:
        return [{"richardson": richardson, "central": central}[name](f, theta, index, error) for name in names]
    richardson_steps, central_steps = RICHARDSON_STEP / 2.0 ** np.arange(11), np.array([CENTRAL_STEP, CENTRAL_STEP / 2])
    slopes = _slopes(f, theta, index, np.concatenate([richardson_steps, central_steps, LARGE_STEPS, SMALL_STEPS]))
    shared = slice(13, None)
    partials = {
        "richardson": _richardson(slopes.rows(slice(0, 11), shared), error),
        "central": _central(slopes.rows(slice(11, 13), shared), error),
    }
    return [partials[name] for name in names]


@np.errstate(all="ignore")
def _central(slopes: Slopes, error: float, raw: bool = False) -> Partials:
    first, second, rounding = slopes.first, slopes.second, error / slopes.h[0]
    # The one-sided slopes differ by S(h) = h f'' + O(h^3): 2 S(h/2) - S(h) is O(h^3), but a jump in the slope stays.
    kink = np.abs(2 * second[1] - second[0])
    truncation = 8 / 3 * np.abs(first[0] - first[1])  # twice the estimate from the h^2 term
    oscillation = _oscillation(first[0], first[-3:], error / slopes.h[-1])
    uncertainty = np.maximum(truncation + kink + rounding, oscillation)
    return _partials(first[0], uncertainty, rounding, slopes, error, raw)


@np.errstate(all="ignore")
def _richardson(slopes: Slopes, error: float, raw: bool = False) -> Partials:
    tries = len(slopes.h) - SHARED
    first, second, rounding = slopes.first[:tries], slopes.second[:tries], error / slopes.h[2:tries]
    value, uncertainty = _extrapolated(first, second)
    oscillation = np.array([_oscillation(row, slopes.first[-3:], error / slopes.h[-1]) for row in value])
    uncertainty = np.maximum(uncertainty + rounding, oscillation)
    best = np.argmin(np.where(np.isnan(uncertainty), np.inf, uncertainty), axis=0)[None, :]
    value, uncertainty, rounding = (
        np.take_along_axis(array, best, axis=0)[0] for array in (value, uncertainty, rounding)
    )
    return _partials(value, uncertainty, rounding, slopes, error, raw)


def _extrapolated(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return differences at h, h/2 and h/4 extrapolated to step 0, and their error estimate without rounding."""
    no_h2 = (4 * first[1:] - first[:-1]) / 3  # no h^2 left
    no_h4 = (16 * no_h2[1:] - no_h2[:-1]) / 15  # no h^4 left
    # S(h) as in `_central`; this combination has neither h nor h^3 left, and a jump at the point itself stays in full.
    kink = np.abs(second[2:] - 0.625 * second[1:-1] + 0.0625 * second[:-2]) / 0.4375
    return no_h4, np.abs(no_h4 - no_h2[1:]) + kink


def _partials(
    value: Floats, uncertainty: Floats, rounding: Floats, slopes: Slopes, error: float, raw: bool
) -> Partials:
    """Return a difference, corrected by ``slopes`` at the large and the small steps unless it is ``raw``."""
    if raw:  # the step is the caller's
        zero = np.zeros_like(value)
        return Partials(value, uncertainty, rounding, zero, zero)
    first, second, h = slopes.first, slopes.second, slopes.h
    large, small = slice(len(h) - SHARED, len(h) - 3), len(h) - 3
    # If f oscillates or has a kink within every step of the method, a small step may have a smaller uncertainty.
    small_uncertainty = np.abs(first[small] - first[small + 1]) + np.abs(second[small + 1]) + error / h[small]
    small_uncertainty = np.maximum(small_uncertainty, _oscillation(first[small], first[-3:], error / h[-1]))
    better = ~(small_uncertainty >= uncertainty) & np.isfinite(small_uncertainty)
    value, uncertainty = np.where(better, first[small], value), np.where(better, small_uncertainty, uncertainty)
    rounding = np.where(better, error / h[small], rounding)
    # A kink at the point: the one-sided slopes differ by as much at a step of 1e-5 as at one of 5e-8.
    jump, large_step_jump = second[small], second[large.start - 1]
    at_kink = (np.abs(jump) > 32 * error / h[small]) & (np.abs(large_step_jump - jump) < np.abs(jump) / 4)
    floor = error / (h[large.start] / LARGE_STEPS[0])
    # Zero: the rounding of small steps is too large to show it.
    large_value, large_uncertainty = (array[0] for array in _extrapolated(first[large], second[large]))
    large_uncertainty = large_uncertainty + error / h[large.stop - 1]
    zero = (
        (large_uncertainty <= ZERO * floor)
        & (np.abs(large_value - value) <= uncertainty + large_uncertainty)
        & (np.abs(large_value) <= ZERO * floor)
    )
    return Partials(
        value=np.where(zero, large_value, np.where(at_kink, first[small], value)),
        uncertainty=np.where(zero, large_uncertainty, uncertainty),
        rounding=np.where(zero, large_uncertainty, rounding),
        jump=np.where(at_kink, jump, 0.0),
        floor=floor,
    )


def _slopes(f: "Scalar | Values", theta: jax.Array, index: NDArray[np.int64], steps: NDArray[np.float64]) -> Slopes:
    f_values = values_of(f, theta)
    coordinates = np.tile(index, 2 * len(steps))
    offsets = np.repeat(np.concatenate([steps, -steps]), len(index))
    value, *values = f_values(0, 0.0, np.append(0, coordinates), np.append(0.0, offsets))
    right, left = np.reshape(values, (2, len(steps), len(index)))
    h = steps[:, None] * f_values.scale[index][None, :]
    with np.errstate(all="ignore"):
        return Slopes((right - left) / (2 * h), (right - 2 * value + left) / h, h, value)


def _oscillation(value: Floats, small: Floats, rounding: Floats) -> Floats:
    """Return the distance of ``value`` (Q,) from differences with small steps (3, Q), beyond their own differences.

    If the two smallest differ by more than ``rounding``, which is assumed larger than measured, f oscillates within all
    steps except perhaps the smallest. No difference then has a smaller error than this difference.
    """
    distance = np.abs(value[None, :] - small[:-1]) - 4 * np.abs(small[:-1] - small[1:])
    smallest = np.maximum(np.abs(value - small[-1]), np.abs(small[-2] - small[-1])) - 64 * rounding
    return np.maximum(np.max(distance, axis=0), smallest)
