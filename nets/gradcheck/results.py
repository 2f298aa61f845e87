"""What is said of a gradient: one check a block of parameters and witness, with a verdict, and all of them together."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedform.verdict import Verdict, worst

VISIBLE = 1e-3
"""A witness that could not have seen an error of 0.1 % in a block says nothing about it."""


JAX_GRAD = "jax.grad"
"""The name of the gradient that is JAX's own."""
SAME = {(JAX_GRAD, "forward")}
"""Subject and witness that are one derivation: JAX transposes its forward rules into the reverse ones."""
ONE_SIDED = "one-sided"
"""Name of the check of entries at a kink."""


def verdict_on(error: float, limit: float) -> Verdict:
    """Return ``fail`` for an error above its limit, else ``pass``, if the limit is one that says something."""
    if not error <= limit:
        return "fail"
    return "pass" if limit <= VISIBLE else "inconclusive"


class Worst(NamedTuple):
    """The entry of a block at which two gradients differ most."""

    place: tuple[int, ...]
    subject: float
    witness: float


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """One block of parameters, asked of one witness."""

    block: str
    """Path of the block in the parameter tree, as in ``head.logits.kernel``."""
    shape: tuple[int, ...]
    witness: str
    entries: int
    """How many of its entries were compared; in a large block, half of them where the gradient is largest."""
    kinked: int = 0
    """How many were not, because f has a kink there and no derivative."""
    doubtful: int = 0
    """How many were not, because the witness is in too much doubt of them, which would hide errors in the others."""
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
    reason: str = ""
    """Why it is inconclusive: what most of the limit is."""
    worst: Worst | None = None
    """The entry compared that differs most."""


@dataclass(frozen=True)
class GradientChecks:
    """All checks of one gradient; ``print`` it to see the table."""

    subject: str
    """Whose gradient was held to the witnesses."""
    checks: tuple[GradientCheck, ...]
    unjudged: tuple[str, ...] = ()
    """Blocks with an entry that is in doubt for every witness that could judge it."""

    @property
    def verdict(self) -> Verdict:
        """``fail`` if a check fails, ``pass`` if beside that each block has a check that passes, else ``inconclusive``.

        Forward mode alone does not do for ``jax.grad``: JAX transposes its forward rules into the reverse ones, so that
        a wrong rule is wrong in both. Nor may an entry be in doubt for all others. The one-sided check of entries at a
        kink can stand in the way, and pass nothing.
        """
        if any(check.verdict == "fail" for check in self.checks):
            return "fail"
        seen = {
            check.block
            for check in self.checks
            if check.verdict == "pass" and check.witness != ONE_SIDED and (self.subject, check.witness) not in SAME
        }
        unclear = any(check.witness == ONE_SIDED and check.verdict == "inconclusive" for check in self.checks)
        everything = seen == {check.block for check in self.checks} and not unclear and not self.unjudged
        return "pass" if everything else "inconclusive"

    def __str__(self) -> str:
        width = max(len(check.block) for check in self.checks)
        lines = [f"{self.subject}: {self.verdict}"]
        for check in self.checks:
            notes = "; ".join(self._notes(check))
            lines.append(
                f"  {check.block:{width}}  {check.witness:12}  relative error {check.relative_error:8.1e}"
                f"  limit {check.limit:8.1e}  {check.verdict}" + (f" ({notes})" if notes else "")
            )
        if self.unjudged and self.verdict == "inconclusive":
            lines.append(
                f"  Some entries of {', '.join(self.unjudged)} are in doubt for every witness that could judge them."
            )
        if self.contradicted:
            lines.append(
                f"  The witnesses contradict each other at {', '.join(self.contradicted)}: one of them may be wrong, "
                "such as reverse mode through a custom rule."
            )
        return "\n".join(lines)

    def _notes(self, check: GradientCheck) -> list[str]:
        notes = []
        if check.entries < (size := math.prod(check.shape)):
            notes.append(f"{check.entries} of {size} entries")
        if check.kinked:
            notes.append(f"{check.kinked} at a kink")
        if check.doubtful:
            notes.append(f"{check.doubtful} in doubt")
        if check.reason:
            notes.append(check.reason)
        if check.verdict == "fail" and check.worst is not None and size > 1:
            index, subject, witness = check.worst
            notes.append(f"worst at {list(index)}: {subject:.6g}, and {witness:.6g} by {check.witness}")
        return notes

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
    limit is above 0.1 %, as where a kink or the edge of the domain is near, or a kink is at the point itself."""
    reason: str = ""
    """Why it is inconclusive."""


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
            why = f" ({check.reason})" if check.reason else ""
            lines.append(f"  {check.block:{width}}  slopes {one:.2f} and {two:.2f}  {check.verdict}{why}")
        return "\n".join(lines)
