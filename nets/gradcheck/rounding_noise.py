"""The rounding noise of a function or a gradient near a point, measured and not assumed.

A function may be a small difference of large numbers, so the size of f does not show what cancelled inside. Its noise
is what remains in fourth differences over steps too small for its slopes (More, J. J., Wild, S. M., 2011, "Estimating
computational noise", SIAM J. Sci. Comput. 33, 1292-1314). The noise of a gradient is what remains in second
differences.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from nets.gradcheck._function_values import Floats, Scalar, Values, random_signs, scale, values_of

EPS = 2.0**-52
GRADIENT_NOISE_STEP = 16_790_213 * 2.0**-50
"""Near 2^-26: large enough to round differently, and small enough that its square is below rounding. It has as many
digits as theta + h can hold: at points of few digits f may be exact, and its rounding would not show."""
NOISE_STEP = 67_192_751 * 2.0**-48
"""Near 2^-22: large enough even where 1e8 is added, and small enough that its fourth power is below rounding."""
SMALLER_NOISE_STEPS = (262_139 * 2.0**-50, 257 * 2.0**-48)
"""Near 2^-32 and 2^-40, for functions that oscillate within the step."""


def rounding(f: "Scalar | Values", theta: jax.Array) -> float:
    """Return the rounding in ``f`` near ``theta``: a unit in its last place, or four sds of it if that is larger.

    The sd is measured, from fourth differences over small steps (More & Wild): ``f`` may be a small difference of large
    numbers. The ``error`` of a difference is this over its step.
    """
    # To one side of theta: f may have a kink at theta, and no window over it is smooth.
    directions, steps = np.arange(4), np.array([NOISE_STEP, *SMALLER_NOISE_STEPS])
    k, multiple, step = np.meshgrid(directions, np.arange(10), steps, indexing="ij")
    values = values_of(f, theta)(k.ravel(), (multiple * step).ravel(), 0, 0.0).reshape(multiple.shape)
    noise = rounding_of(values[:, 1:, 0])
    for window in np.moveaxis(values[:, 1:, 1:], 2, 0):
        if np.mean(np.diff(window) == 0) < 0.1:  # f changes by more than its last digit, unlike 1e8 + x
            noise = min(noise, rounding_of(window))  # what falls with the step is not rounding: f oscillates
    return max(EPS * abs(float(values[0, 0, 0])), noise)


def rounding_of(values: Floats) -> float:
    """Return four sds of the rounding in ``values``: rows of a smooth function at about ten neighbouring points."""
    with np.errstate(invalid="ignore"):
        fourth = np.abs(np.diff(values, n=4, axis=1))  # of variance 70 sigma^2
    fourth = fourth[np.isfinite(fourth)]  # none out of the domain
    return 4 * float(np.median(fourth)) / (0.6745 * 70**0.5) if len(fourth) else 0.0  # the median ignores a kink


def nearby_rounding(
    gradient: Callable[[Any], Any], theta: ArrayLike, map_fn: Callable[[Callable[[Any], Any], Floats], ArrayLike]
) -> Floats:
    """Return the rounding in ``gradient`` from its values near ``theta``, without the value at ``theta``.

    A gradient that is wrong at one special point jumps there, and the jump is no rounding. If the rounding is larger
    near the point than a thousand times farther away, a formula loses digits there that a special case replaces.
    """
    estimates = []
    for step in (GRADIENT_NOISE_STEP, 1024 * GRADIENT_NOISE_STEP):
        pairs = np.asarray(map_fn(gradient, mirrored_points(theta, step, 3)))
        with np.errstate(invalid="ignore"):
            means = (pairs[::2] + pairs[1::2]) / 2
            estimates.append(8 * (means.max(axis=0) - means.min(axis=0)))
    return np.fmin(*estimates)


def mirrored_points(theta: ArrayLike, step: float, pairs: int) -> Floats:
    """Return points near ``theta`` (P,), each followed by its mirror image, (2 pairs, P)."""
    offsets = step * scale(theta) * random_signs(theta, pairs)
    return np.asarray(theta) + np.stack([offsets, -offsets], axis=1).reshape(2 * pairs, -1)


def noise_stencil(theta: ArrayLike) -> Floats:
    """Return ``theta`` and two pairs of points near it, (5, P): for second differences of a gradient."""
    return np.vstack([theta, mirrored_points(theta, GRADIENT_NOISE_STEP, 2)])
