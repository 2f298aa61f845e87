"""Results: one check, with a verdict, for each leaf of the parameters and each method, and all checks of a gradient."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedform.verdict import Verdict, worst

DETECTABLE_ERROR = 1e-3
"""A check passes only if it would have detected this relative error of the leaf."""

JAX_GRAD = "jax.grad"
"""Name of the gradient by JAX itself."""
SAME_RULES = {(JAX_GRAD, "forward")}
"""Pairs of gradient and method with the same rules: JAX transposes its forward rules into the reverse ones."""
ONE_SIDED = "one-sided"
"""Method of the check of entries at a kink."""


def verdict_on(error: float, limit: float) -> Verdict:
    """Return ``fail`` for an error above its limit, else ``pass`` if the limit is below `DETECTABLE_ERROR`."""
    if not error <= limit:
        return "fail"
    return "pass" if limit <= DETECTABLE_ERROR else "inconclusive"


class WorstEntry(NamedTuple):
    """The entry of a leaf at which a gradient and an estimate of it differ most."""

    position: tuple[int, ...]
    gradient: float
    estimate: float


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """One leaf of a gradient, compared with its estimate by one method."""

    leaf: str
    """Path of the leaf in the parameter tree, as in ``head.logits.kernel``."""
    shape: tuple[int, ...]
    method: str
    entries: int
    """Number of entries compared; in a large leaf, half of them where the gradient is largest."""
    at_kink: int = 0
    """Number of entries left out because f has a kink there and no derivative."""
    uncertain: int = 0
    """Number of entries left out because their error estimate is large, which would hide errors in the others."""
    norm: float
    """Larger of the Euclidean norms of gradient and estimate, over the entries compared."""
    relative_error: float
    """||a - b|| / max(||a||, ||b||), and 0 if both are zero: below their own rounding and that of f."""
    limit: float
    """Largest relative error that passes: the tolerance of the method, or if it is larger the error estimate of the
    method plus the rounding measured in the gradient."""
    verdict: Verdict
    """``inconclusive`` if the limit is above 0.1 %, if the method has no number, or if all entries drawn are zero in a
    leaf that is not: near a kink, out of the domain, or where the gradient is below the rounding of f."""
    reason: str = ""
    """Why the check is inconclusive: the largest part of the limit."""
    worst: WorstEntry | None = None
    """The entry that differs most, of those compared."""


@dataclass(frozen=True)
class GradientChecks:
    """All checks of one gradient; ``print`` it to see the table."""

    gradient_name: str
    """Which gradient was checked: ``jax.grad`` or the name of the argument, such as ``grad_fn``."""
    checks: tuple[GradientCheck, ...]
    uncertain_leaves: tuple[str, ...] = ()
    """Leaves with an entry that is uncertain for every method that could check it."""

    @property
    def verdict(self) -> Verdict:
        """``fail`` if a check fails, ``pass`` if none does and one passes for each leaf, else ``inconclusive``.

        Forward mode alone does not pass ``jax.grad``: JAX transposes its forward rules into the reverse ones, so that
        a wrong rule is wrong in both. No leaf passes with an entry that is uncertain for all other methods. The
        one-sided check of entries at a kink can prevent a pass, but it passes no leaf.
        """
        if any(check.verdict == "fail" for check in self.checks):
            return "fail"
        passing = {
            check.leaf
            for check in self.checks
            if check.verdict == "pass"
            and check.method != ONE_SIDED
            and (self.gradient_name, check.method) not in SAME_RULES
        }
        unclear = any(check.method == ONE_SIDED and check.verdict == "inconclusive" for check in self.checks)
        all_pass = passing == {check.leaf for check in self.checks} and not unclear and not self.uncertain_leaves
        return "pass" if all_pass else "inconclusive"

    def __str__(self) -> str:
        width = max(len(check.leaf) for check in self.checks)
        lines = [f"{self.gradient_name}: {self.verdict}"]
        for check in self.checks:
            notes = "; ".join(self._notes(check))
            lines.append(
                f"  {check.leaf:{width}}  {check.method:12}  relative error {check.relative_error:8.1e}"
                f"  limit {check.limit:8.1e}  {check.verdict}" + (f" ({notes})" if notes else "")
            )
        if self.uncertain_leaves and self.verdict == "inconclusive":
            lines.append(
                f"  Some entries of {', '.join(self.uncertain_leaves)} are uncertain for every method that could check "
                "them."
            )
        if self.conflicting_leaves:
            lines.append(
                f"  The methods contradict each other at {', '.join(self.conflicting_leaves)}: one of them may be "
                "wrong, such as reverse mode through a custom rule."
            )
        return "\n".join(lines)

    def _notes(self, check: GradientCheck) -> list[str]:
        notes = []
        if check.entries < (size := math.prod(check.shape)):
            notes.append(f"{check.entries} of {size} entries")
        if check.at_kink:
            notes.append(f"{check.at_kink} at a kink")
        if check.uncertain:
            notes.append(f"{check.uncertain} uncertain")
        if check.reason:
            notes.append(check.reason)
        if check.verdict == "fail" and check.worst is not None and size > 1:
            position, gradient, estimate = check.worst
            notes.append(f"worst at {list(position)}: {gradient:.6g}, and {estimate:.6g} by {check.method}")
        return notes

    @property
    def conflicting_leaves(self) -> list[str]:
        """The leaves that one method passes and another fails."""
        verdicts = {(check.leaf, check.verdict) for check in self.checks}
        return [leaf for leaf, verdict in sorted(verdicts) if verdict == "pass" and (leaf, "fail") in verdicts]


@dataclass(frozen=True, kw_only=True)
class TaylorCheck:
    """The Taylor test of one leaf of the parameters, along one direction."""

    leaf: str
    steps: NDArray[np.float64]
    """(K,), falling."""
    zeroth: NDArray[np.float64]
    """|f(theta + h v) - f(theta)|, (K,)."""
    first: NDArray[np.float64]
    """|f(theta + h v) - f(theta) - h <g, v>|, (K,)."""
    slopes: tuple[float, float]
    """Slopes of both remainders on logarithmic axes, over the four smallest steps above rounding; nan if fewer than
    three steps are above it, as where f is linear along v."""
    limit: float
    """The largest relative error of <g, v> that the remainders allow."""
    verdict: Verdict
    """``fail`` if the second slope is nearer 1 than 2, down to where rounding begins; else ``inconclusive`` if the
    limit is above 0.1 %, as near a kink or the edge of the domain, or if f has a kink at the point itself."""
    reason: str = ""
    """Why the check is inconclusive."""


@dataclass(frozen=True)
class TaylorChecks:
    """The Taylor test of every leaf; ``print`` it to see the table."""

    gradient_name: str
    """As in `GradientChecks`."""
    checks: tuple[TaylorCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the leaves."""
        return worst([check.verdict for check in self.checks])

    def __str__(self) -> str:
        width = max(len(check.leaf) for check in self.checks)
        lines = [f"{self.gradient_name}: {self.verdict}"]
        for check in self.checks:
            zeroth, first = check.slopes
            note = f" ({check.reason})" if check.reason else ""
            lines.append(f"  {check.leaf:{width}}  slopes {zeroth:.2f} and {first:.2f}  {check.verdict}{note}")
        return "\n".join(lines)
