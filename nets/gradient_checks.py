"""What is said of a gradient: one check a block of parameters and witness, with a verdict, and all of them together."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["pass", "fail", "inconclusive"]

VISIBLE = 1e-3
"""A witness that could not have seen an error of 0.1 % in a block says nothing about it."""


def worst(verdicts: Collection[Verdict]) -> Verdict:
    """Return ``fail`` if one is, else ``inconclusive`` if one is, else ``pass``."""
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"


def verdict_on(error: float, limit: float) -> Verdict:
    """Return ``fail`` for an error above its limit, else ``pass``, if the limit is one that says something."""
    if not error <= limit:
        return "fail"
    return "pass" if limit <= VISIBLE else "inconclusive"


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """One block of parameters, asked of one witness."""

    block: str
    """Path of the block in the parameter tree, as in ``head.logits.kernel``."""
    shape: tuple[int, ...]
    witness: str
    entries: int
    """How many of its entries were compared; in a large block, half of them where the gradient is largest."""
    norm: float
    """Larger of the Euclidean norms of the two gradients, over these entries."""
    relative_error: float
    """||a - b|| / max(||a||, ||b||), and 0 if both are zero: below their own rounding and that of f."""
    limit: float
    """Largest relative error that still passes: the witness's tolerance, or where it is larger its own error and the
    rounding measured in the gradient held to it."""
    verdict: Verdict
    """``inconclusive`` if the limit is above 0.1 %, the witness has no number, or it saw none of a block's gradient:
    near a kink, out of the domain, or where rounding in f drowns the gradient."""


@dataclass(frozen=True)
class GradientChecks:
    """All checks of one gradient; ``print`` it to see the table."""

    subject: str
    """Whose gradient was held to the witnesses."""
    checks: tuple[GradientCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """``fail`` if a check fails, ``pass`` if beside that each block has a check that passes."""
        if any(check.verdict == "fail" for check in self.checks):
            return "fail"
        seen = {check.block for check in self.checks if check.verdict == "pass"}
        return "pass" if seen == {check.block for check in self.checks} else "inconclusive"

    def __str__(self) -> str:
        width = max(len(check.block) for check in self.checks)
        lines = [f"{self.subject}: {self.verdict}"]
        for check in self.checks:
            lines.append(
                f"  {check.block:{width}}  {check.witness:12}  relative error {check.relative_error:8.1e}"
                f"  limit {check.limit:8.1e}  {check.verdict}"
                + (f" ({check.entries} of {size} entries)" if check.entries < (size := math.prod(check.shape)) else "")
            )
        if self.contradicted:
            lines.append(
                f"  The witnesses contradict each other at {', '.join(self.contradicted)}: one of them may be wrong, "
                "such as reverse mode through a custom rule."
            )
        return "\n".join(lines)

    @property
    def contradicted(self) -> list[str]:
        """The blocks that one witness passes and another fails."""
        said = {(check.block, check.verdict) for check in self.checks}
        return [block for block, verdict in sorted(said) if verdict == "pass" and (block, "fail") in said]


@dataclass(frozen=True, kw_only=True)
class TaylorCheck:
    """One block of parameters, moved along one direction."""

    block: str
    steps: NDArray[np.float64]
    """(K,), falling."""
    zeroth: NDArray[np.float64]
    """|f(theta + h v) - f(theta)|, (K,)."""
    first: NDArray[np.float64]
    """|f(theta + h v) - f(theta) - h <g, v>|, (K,)."""
    slopes: tuple[float, float]
    """Of both on logarithmic axes, over the four smallest steps above rounding; nan if there are not three, as where f
    is linear along v."""
    limit: float
    """The largest relative error of <g, v> that these numbers leave room for."""
    verdict: Verdict
    """``fail`` if the second slope is nearer 1 than 2, down to where rounding begins; else ``inconclusive`` if the
    limit is above 0.1 %, as where a kink or the edge of the domain is near."""


@dataclass(frozen=True)
class TaylorChecks:
    """The Taylor test of every block; ``print`` it to see the table."""

    subject: str
    checks: tuple[TaylorCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the blocks."""
        return worst([check.verdict for check in self.checks])

    def __str__(self) -> str:
        width = max(len(check.block) for check in self.checks)
        lines = [f"{self.subject}: {self.verdict}"]
        for check in self.checks:
            one, two = check.slopes
            lines.append(f"  {check.block:{width}}  slopes {one:.2f} and {two:.2f}  {check.verdict}")
        return "\n".join(lines)


def taylor_check(
    block: str,
    steps: NDArray[np.float64],
    value: float,
    moved: NDArray[np.float64],
    slope: float,
    noise: float,
) -> TaylorCheck:
    """Return the check of ``slope``, <g, v>, from f at the point, ``value``, and at each step along v, ``moved``.

    ``noise`` is the rounding of f, below which a remainder says nothing but that it is small. Remainders that do not
    fall with the step are rounding too, more of it than was measured: a wrong slope leaves some that fall like h.
    """
    zeroth, first = np.abs(moved - value), np.abs(moved - value - steps * slope)
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
        floor = 2 * float(first[last].max())
    # Every step bounds the error of the slope by its remainder; the least bound counts.
    bounds = np.maximum(first, floor)[finite] / steps[finite]
    limit = float(np.min(bounds, initial=np.inf) / abs(slope)) if slope and np.isfinite(slope) else np.nan
    if not np.isfinite(slope) or (slopes[1] < 1.5 and _goes_on(steps, first, floor, seen) and not slopes[0] < 0.9):
        verdict: Verdict = "fail"
    elif limit <= VISIBLE or (slope == 0 and (slopes[1] > 1.5 or (zeroth <= noise).all())):
        verdict = "pass"
    else:
        verdict = "inconclusive"
    return TaylorCheck(
        block=block, steps=steps, zeroth=zeroth, first=first, slopes=slopes, limit=limit, verdict=verdict
    )


def _goes_on(steps: NDArray[np.float64], first: NDArray[np.float64], noise: float, seen: NDArray[np.int64]) -> bool:
    """Say whether remainders fall steadily until rounding hides them: past a kink or a far-off region they drop."""
    last = seen[-1]
    return last + 1 == len(steps) or bool(first[last] * steps[last + 1] / steps[last] < 8 * noise)


def _slope(steps: NDArray[np.float64], remainders: NDArray[np.float64]) -> float:
    """Return the slope of a straight line through the points on logarithmic axes, nan where there is no logarithm."""
    if not (remainders > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(steps), np.log(remainders), 1)[0])
