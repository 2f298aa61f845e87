"""The Taylor test of one block, from the values of f along one direction."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import derivatives
from nets.gradcheck._one_sided_slopes import AGREE
from nets.gradcheck.results import VISIBLE, TaylorCheck, Verdict

STEPS = np.ldexp(1.0, -np.arange(4, 31))
CLOSE = STEPS[0] * (1 + derivatives.NOISE_STEP * np.arange(1, 11))
"""Steps next to the largest, over which f has no fourth difference but its rounding."""


def taylor_check(
    block: str,
    steps: NDArray[np.float64],
    value: float,
    moved: NDArray[np.float64],
    slope: float,
    noise: NDArray[np.float64],
    slack: float = 0.0,
) -> TaylorCheck:
    """Return the check of ``slope``, <g, v>, from f at the point, ``value``, and at each step along v, ``moved``.

    ``noise`` is the rounding of f at each step, below which a remainder says nothing but that it is small. Remainders
    that do not fall with the step are rounding too, more of it than was measured: a wrong slope leaves some that fall
    like h.
    ``slack`` is how far the slope may be off because something in it is in float32.
    """
    zeroth, first = np.abs(moved - value), np.abs(moved - value - steps * slope)
    first = np.where(first < steps * slack, 0.0, first)
    finite = np.isfinite(first)
    floor = noise
    while True:
        seen = np.flatnonzero(finite & (first > floor))
        slopes = (np.nan, np.nan)
        if len(seen) < 3:
            break
        last = seen[-4:]
        slopes = _slope(steps[last], zeroth[last]), _slope(steps[last], first[last])
        if not slopes[1] < 0.5:
            break
        floor = np.maximum(noise, 2 * float(first[last].max()))
    # Every step bounds the error of the slope by its remainder; the least bound counts.
    bounds = np.maximum(first, floor)[finite] / steps[finite] + slack
    limit = float(np.min(bounds, initial=np.inf) / abs(slope)) if slope and np.isfinite(slope) else np.nan
    falls_like_h = slopes[1] < 1.5 and _goes_on(steps, first, floor, seen) and not slopes[0] < 0.9
    if not np.isfinite(slope) or (falls_like_h and not _still_steeper(first, seen)):
        verdict: Verdict = "fail"
    elif limit <= VISIBLE or (slope == 0 and (slopes[1] > 1.5 or (zeroth <= noise).all())):
        verdict = "pass"
    else:
        verdict = "inconclusive"
    return TaylorCheck(
        block=block, steps=steps, zeroth=zeroth, first=first, slopes=slopes, limit=limit, verdict=verdict
    )


def kinked(
    steps: NDArray[np.float64],
    value: float,
    ahead: NDArray[np.float64],
    behind: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> bool:
    """Say whether f, ``ahead`` of the point and ``behind``, has a kink there.

    f(+h) - 2 f + f(-h) falls like h^2 where it has none, and like h times the jump of the slope where it has.
    """
    bend = np.abs(ahead - 2 * value + behind)
    seen = np.flatnonzero(np.isfinite(bend) & (bend > 2 * noise))
    return (
        len(seen) >= 3 and _slope(steps[seen[-4:]], bend[seen[-4:]]) < 1.25 and _goes_on(steps, bend, 2 * noise, seen)
    )


def at_kink(
    check: TaylorCheck,
    value: float,
    ahead: NDArray[np.float64],
    behind: NDArray[np.float64],
    beside: NDArray[np.float64],
    further: NDArray[np.float64],
    noise: NDArray[np.float64],
    *,
    number: bool,
) -> TaylorCheck:
    """Return the check of a block in which f has a kink: what it is worth is a gradient next to it, not the one there.

    ``beside`` are the slopes along v by the gradient a little ahead and behind, which is computed for the point alone
    if it may be a ``number``. How they differ from those ``further`` away is what a corner that is rounded off does.
    """
    sides = [
        taylor_check(check.block, check.steps, value, moved, slope, noise, 2 * float(turn))
        for moved, slope, turn in zip((ahead, behind), beside * [1, -1], np.abs(beside - further), strict=True)
    ]
    constant = number and abs(beside[0] - beside[1]) <= AGREE * np.max(np.abs(beside))
    if not constant and any(side.verdict == "fail" for side in sides):
        return replace(check, verdict="fail", reason="a kink at the point, and wrong beside it")
    return replace(check, verdict="inconclusive", reason="a kink at the point")


def _goes_on(
    steps: NDArray[np.float64], first: NDArray[np.float64], noise: NDArray[np.float64], seen: NDArray[np.int64]
) -> bool:
    """Say whether remainders fall steadily until rounding hides them: past a kink or a far-off region they drop."""
    last = seen[-1]
    return last + 1 == len(steps) or bool(first[last] * steps[last + 1] / steps[last] < 8 * noise[last])


def _still_steeper(first: NDArray[np.float64], seen: NDArray[np.int64]) -> bool:
    """Say whether remainders begin to fall like h^2 at the smallest step, as next to a kink that all others pass."""
    last = seen[-1]
    return last + 1 == len(first) and bool(first[last - 1] > 2**1.25 * first[last])


def _slope(steps: NDArray[np.float64], remainders: NDArray[np.float64]) -> float:
    """Return the slope of a straight line through the points on logarithmic axes, nan where there is no logarithm."""
    if not (remainders > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(steps), np.log(remainders), 1)[0])
