"""The Taylor test of one leaf, from the values of f along one direction."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from closedform.verdict import Verdict
from nets.gradcheck import rounding_noise
from nets.gradcheck._one_sided_slopes import SLOPE_TOLERANCE
from nets.gradcheck.results import DETECTABLE_ERROR, TaylorCheck

STEPS = np.ldexp(1.0, -np.arange(4, 31))
NOISE_STEPS = STEPS[0] * (1 + rounding_noise.NOISE_STEP * np.arange(1, 11))
"""Steps next to the largest, over which the fourth difference of f is its rounding."""


def taylor_check(
    leaf: str,
    steps: NDArray[np.float64],
    value: float,
    values: NDArray[np.float64],
    slope: float,
    noise: NDArray[np.float64],
    slack: float = 0.0,
) -> TaylorCheck:
    """Return the check of ``slope``, <g, v>, from f at the point, ``value``, and at each step along v, ``values``.

    ``noise`` is the rounding of f at each step: a smaller remainder is only known to be small. Remainders that do not
    fall with the step are rounding too, more than was measured; a wrong slope leaves remainders that fall like h.
    ``slack`` is the possible error of the slope where part of it is computed in float32.
    """
    zeroth, first = np.abs(values - value), np.abs(values - value - steps * slope)
    first = np.where(first < steps * slack, 0.0, first)
    finite = np.isfinite(first)
    floor = noise
    while True:
        above = np.flatnonzero(finite & (first > floor))
        slopes = (np.nan, np.nan)
        if len(above) < 3:
            break
        last = above[-4:]
        slopes = _slope(steps[last], zeroth[last]), _slope(steps[last], first[last])
        if not slopes[1] < 0.5:
            break
        floor = np.maximum(noise, 2 * float(first[last].max()))
    # Every step bounds the error of the slope by its remainder; the least bound counts.
    bounds = np.maximum(first, floor)[finite] / steps[finite] + slack
    limit = float(np.min(bounds, initial=np.inf) / abs(slope)) if slope and np.isfinite(slope) else np.nan
    falls_like_h = slopes[1] < 1.5 and _falls_into_noise(steps, first, floor, above) and not slopes[0] < 0.9
    if not np.isfinite(slope) or (falls_like_h and not _steepens(first, above)):
        verdict: Verdict = "fail"
    elif limit <= DETECTABLE_ERROR or (slope == 0 and (slopes[1] > 1.5 or (zeroth <= noise).all())):
        verdict = "pass"
    else:
        verdict = "inconclusive"
    return TaylorCheck(leaf=leaf, steps=steps, zeroth=zeroth, first=first, slopes=slopes, limit=limit, verdict=verdict)


def has_kink(
    steps: NDArray[np.float64],
    value: float,
    values_right: NDArray[np.float64],
    values_left: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> bool:
    """Say whether f has a kink at the point, from its values to the right and to the left.

    f(+h) - 2 f + f(-h) falls like h^2 if there is none, and like h times the jump of the slope if there is one.
    """
    second = np.abs(values_right - 2 * value + values_left)
    above = np.flatnonzero(np.isfinite(second) & (second > 2 * noise))
    return (
        len(above) >= 3
        and _slope(steps[above[-4:]], second[above[-4:]]) < 1.25
        and _falls_into_noise(steps, second, 2 * noise, above)
    )


def check_at_kink(
    check: TaylorCheck,
    value: float,
    values_right: NDArray[np.float64],
    values_left: NDArray[np.float64],
    near_slopes: NDArray[np.float64],
    far_slopes: NDArray[np.float64],
    noise: NDArray[np.float64],
    *,
    may_be_constant: bool,
) -> TaylorCheck:
    """Return the check of a leaf in which f has a kink: the gradient near the kink is checked, not the one at it.

    ``near_slopes`` are <g, v> a little to the right and to the left. A gradient that ``may_be_constant`` is perhaps
    computed for the point alone. The difference from ``far_slopes`` is what a smoothed corner adds.
    """
    sides = [
        taylor_check(check.leaf, check.steps, value, values, slope, noise, 2 * float(change))
        for values, slope, change in zip(
            (values_right, values_left), near_slopes * [1, -1], np.abs(near_slopes - far_slopes), strict=True
        )
    ]
    tolerance = SLOPE_TOLERANCE * np.max(np.abs(near_slopes))
    is_constant = may_be_constant and abs(near_slopes[0] - near_slopes[1]) <= tolerance
    if not is_constant and any(side.verdict == "fail" for side in sides):
        return replace(check, verdict="fail", reason="a kink at the point, and wrong near it")
    return replace(check, verdict="inconclusive", reason="a kink at the point")


def _falls_into_noise(
    steps: NDArray[np.float64], remainders: NDArray[np.float64], noise: NDArray[np.float64], above: NDArray[np.int64]
) -> bool:
    """Say whether remainders fall steadily until rounding hides them: at a kink or a distant region they drop."""
    last = above[-1]
    return last + 1 == len(steps) or bool(remainders[last] * steps[last + 1] / steps[last] < 8 * noise[last])


def _steepens(remainders: NDArray[np.float64], above: NDArray[np.int64]) -> bool:
    """Say whether remainders begin to fall like h^2 at the smallest step, as near a kink that all other steps cross."""
    last = above[-1]
    return last + 1 == len(remainders) and bool(remainders[last - 1] > 2**1.25 * remainders[last])


def _slope(steps: NDArray[np.float64], remainders: NDArray[np.float64]) -> float:
    """Return the slope of a straight line through the points on logarithmic axes, nan where there is no logarithm."""
    if not (remainders > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(steps), np.log(remainders), 1)[0])
