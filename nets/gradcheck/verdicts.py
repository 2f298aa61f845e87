"""A gradient held to what the witnesses said: which entries are compared, and what follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import derivatives
from nets.gradcheck._leaves import Blocks
from nets.gradcheck._one_sided_slopes import (
    AGREE,
    FURTHER,
    Sides,
    along,
    gradients_beside,
    one_sided_slopes,
    slopes_beside,
)
from nets.gradcheck._reduced_programs import Reduced
from nets.gradcheck.results import JAX_GRAD, ONE_SIDED, SAME, VISIBLE, GradientCheck, GradientChecks, Verdict, Worst

Floats = NDArray[np.float64]

TOLERANCE = {"reverse": 1e-13, "forward": 1e-13, "complex step": 1e-13, "richardson": 1e-10, "central": 1e-8}
"""Relative error of a block that a witness is trusted to, in float64: tests/tolerances.py has what was measured."""
LOWER_PRECISION = 2.0**-20
"""The same where f, besides what can be computed beforehand, or a gradient by hand is in float32: 8 units in its last
place."""
BLIND = 0.5
"""A witness in doubt of more than this share of a gradient condemns none: its steps may all lead past a pole."""
CHANCE = 1e5
"""A doubt is not smaller by chance than what it should be by more than this."""
EXACT = ("reverse", "forward", "complex step")
"""Witnesses that subtract nothing: one that is off by more than rounding is wrong, not blind."""
DIFFERENCES = ("richardson", "central")


@dataclass(frozen=True)
class Answer:
    """The gradient at some entries, (Q,), as one witness has it."""

    witness: str
    index: NDArray[np.int64]
    said: derivatives.Partials


@dataclass(frozen=True)
class Subject:
    """A gradient that is held to the witnesses."""

    name: str
    gradient: Callable[[jax.Array], Any]
    """Of the vector of parameters."""
    value: Floats
    """(P,)."""
    rounding: Floats
    """(P,)."""
    lower: bool
    """Whether something in it is rounded to float32."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All answers about f at one point, and what they say together."""

    blocks: Blocks
    f: Reduced
    values: derivatives.Values
    """f near the point."""
    rounding: float
    """Of f there, as in `nets.gradcheck.derivatives.rounding`."""
    reverse: Callable[[jax.Array], Any] | None
    """``jax.grad`` of f, compiled; None where there is none."""
    gradient: Floats
    """By it, (P,); zeros where there is none."""
    size: Floats
    """Scale of each parameter, (P,)."""
    asked: NDArray[np.int64]
    """The parameters that all witnesses were asked about."""
    answers: Sequence[Answer]

    @cached_property
    def spread(self) -> Floats:
        """How far reverse and forward mode differ at each parameter, (P,); 0 where either was not asked."""
        spread = np.zeros(len(self.size))
        for answer in self.answers:
            if answer.witness == "forward" and self.reverse is not None:
                spread[answer.index] = np.abs(
                    np.nan_to_num(answer.said.value) - np.nan_to_num(self.gradient)[answer.index]
                )
        return spread

    @cached_property
    def bends(self) -> bool:
        """Whether f has a kink at the point along a random direction: along an axis or not."""
        return derivatives.bends(self.values, self.blocks.theta, self.rounding)

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Where a difference was taken, (P,)."""
        return self._of_differences(lambda said: np.ones(len(said.value), bool), False)

    @cached_property
    def kinked(self) -> NDArray[np.bool_]:
        """Where f has a kink at the point itself, along the axis of the parameter, (P,)."""
        return self._of_differences(lambda said: np.asarray(said.jump) != 0, False)

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The smaller and the larger one-sided slope of each parameter, (P,) both."""
        left = self._of_differences(lambda said: said.value - said.jump / 2, np.nan)
        right = self._of_differences(lambda said: said.value + said.jump / 2, np.nan)
        return np.fmin(left, right), np.fmax(left, right)

    def direction(self, block: str, which: NDArray[np.bool_]) -> Floats:
        """Return a random direction along those entries of ``block`` that a difference was taken at."""
        where, v = self.blocks.slices[block], np.zeros(len(self.size))
        rng = np.random.default_rng([where.start, 0x51DE])
        v[where] = rng.uniform(0.5, 1.5, where.stop - where.start) * rng.choice([-1, 1], where.stop - where.start)
        return np.where(which & self.seen, v * self.size, 0.0)

    def sides(self, v: Floats) -> Sides:
        """Return the one-sided slopes of f along ``v``."""
        if (key := v.tobytes()) not in self._sides:
            # theta + h v is rounded too.
            moved = 4 * derivatives.EPS * norm_of(np.nan_to_num(self.gradient) * np.asarray(self.blocks.theta))
            slopes, doubts = self._slopes_along(jnp.asarray(v), self.rounding + moved)
            self._sides[key] = Sides(np.asarray(slopes), np.asarray(doubts))
        return self._sides[key]

    @cached_property
    def _sides(self) -> dict[bytes, Sides]:
        return {}

    @cached_property
    def _slopes_along(self) -> Callable[..., Any]:
        return jax.jit(lambda v, error: one_sided_slopes(self.f, self.blocks.theta, v, error))

    def _of_differences(self, part: Callable[[derivatives.Partials], Any], otherwise: Any) -> NDArray[Any]:
        made = np.full(len(self.size), otherwise)
        for answer in self.answers:
            if answer.witness in DIFFERENCES:
                made[answer.index] = part(answer.said)
        return made


def checks_of(evidence: Evidence, subject: Subject) -> GradientChecks:
    """Return the checks of ``subject``, a block and witness each."""
    made: list[GradientCheck] = []
    unjudged: list[str] = []
    for block in evidence.blocks.slices:
        judged = np.zeros(len(evidence.size), bool)
        checks = []
        for answer in evidence.answers:
            check, kept = _check(evidence, block, answer, subject)
            checks.append(check)
            if check.verdict == "pass" and (subject.name, check.witness) not in SAME:
                judged[kept] = True
        if any(check.verdict == "fail" for check in checks):
            checks = _excused(evidence, block, subject, checks)
            if not any(check.verdict == "fail" for check in checks):
                judged[:] = False  # what contradicts a witness is not passed by another
        made += checks
        where = evidence.blocks.slices[block]
        if evidence.kinked[where].any():
            made.append(_one_sided(evidence, block, subject))
        asked = np.isin(np.arange(where.start, where.stop), evidence.asked)
        if (asked & ~judged[where] & ~evidence.kinked[where]).any():
            unjudged.append(block)
    return GradientChecks(subject.name, tuple(made), tuple(unjudged))


def _excused(evidence: Evidence, block: str, subject: Subject, checks: list[GradientCheck]) -> list[GradientCheck]:
    """Return ``checks``, without a fail where f has a kink that no axis shows, as a median has at a tie.

    The gradient must be right on either side of it; what it is at the kink is a convention.
    """
    v = evidence.direction(block, ~evidence.kinked)
    if not v.any() or not evidence.bends or not np.isfinite(subject.value[evidence.blocks.slices[block]]).all():
        return checks
    sides = evidence.sides(v)
    if not sides.kinked:
        return checks
    beside = slopes_beside(subject.gradient, evidence.blocks.theta, v)
    if not sides.error(beside) <= sides.limit(beside):
        return checks
    why = "f has a kink here that no axis shows, and the gradient is right beside it"
    return [
        replace(check, verdict="inconclusive", reason=why) if check.verdict == "fail" else check for check in checks
    ]


def _check(evidence: Evidence, block: str, answer: Answer, subject: Subject) -> tuple[GradientCheck, NDArray[np.int64]]:
    """Return the check, and which parameters were compared."""
    where, shape = evidence.blocks.slices[block], evidence.blocks.shapes[block]
    here = (where.start <= answer.index) & (answer.index < where.stop)
    index, said = answer.index[here], derivatives.Partials(*(part[here] for part in answer.said))
    a, b, doubt = subject.value[index], said.value, said.uncertainty + subject.rounding[index]
    kinked, known = evidence.kinked[index], np.isfinite(b) & np.isfinite(doubt)
    make = partial(GradientCheck, block=block, shape=shape, witness=answer.witness, kinked=int(kinked.sum()))

    def worst(i: int) -> Worst:
        place = np.unravel_index(int(index[i]) - where.start, shape)
        return Worst(tuple(int(axis) for axis in place), float(a[i]), float(b[i]))

    if not np.isfinite(a).all():
        check = make(
            entries=len(index),
            norm=float("nan"),
            relative_error=float("nan"),
            limit=_tolerance(evidence, subject, answer.witness),
            verdict="fail",
            worst=worst(int(np.flatnonzero(~np.isfinite(a))[0])),
        )
        return check, index
    if not len(index):
        limit = _tolerance(evidence, subject, answer.witness)
        return make(entries=0, norm=0.0, relative_error=0.0, limit=limit, verdict="pass"), index
    judged = np.flatnonzero(known & ~kinked)
    doubtful = int((~known & ~kinked).sum())
    if not len(judged):
        check = make(
            entries=0,
            doubtful=doubtful,
            norm=norm_of(a),
            relative_error=float("nan"),
            limit=float("inf"),
            verdict="inconclusive",
            reason="a kink at the point" if kinked.any() else "it has no number here",
        )
        return check, judged
    tolerance = _tolerance(evidence, subject, answer.witness)
    kept, error, limit, verdict = _judge(evidence, answer.witness, tolerance, index, judged, a, b, doubt, said)
    unseen = norm_of(a) == norm_of(b) == 0 < norm_of(subject.value[where])
    if unseen:
        verdict = "inconclusive"
    reason = "all entries drawn are 0" if unseen else _why(answer.witness, subject, index[judged], said, judged)
    check = make(
        entries=len(kept),
        doubtful=doubtful + len(judged) - len(kept),
        norm=max(norm_of(a[kept]), norm_of(b[kept])),
        relative_error=error,
        limit=limit,
        verdict=verdict,
        reason=reason if verdict == "inconclusive" else "",
        worst=worst(int(kept[np.argmax(np.abs(a - b)[kept])])),
    )
    return check, index[kept]


def _judge(
    evidence: Evidence,
    witness: str,
    tolerance: float,
    index: NDArray[np.int64],
    judged: NDArray[np.int64],
    a: Floats,
    b: Floats,
    doubt: Floats,
    said: derivatives.Partials,
) -> tuple[NDArray[np.int64], float, float, Verdict]:
    """Return which of the entries ``judged`` are compared, all but the doubtful, with error, limit and verdict."""
    a, b, doubt = a[judged], b[judged], doubt[judged]
    norm = max(norm_of(a), norm_of(b))
    unmoved = evidence.rounding * norm_of(1 / evidence.size[index[judged]])  # a gradient that moves f by its rounding
    if witness in EXACT:
        own = norm_of(doubt) + 4 * norm_of(evidence.spread[index[judged]])
        zero = norm <= own and norm <= derivatives.ZERO * unmoved
    else:
        floor = norm_of(said.floor[judged])
        zero = norm <= derivatives.ZERO * floor and norm_of(said.uncertainty[judged]) <= derivatives.ZERO * floor
    if zero:  # and so is either gradient
        return judged, 0.0, tolerance, "pass"
    if norm == 0:
        return judged, 0.0, float("inf"), "inconclusive"
    if witness in EXACT and norm <= unmoved:
        return judged, norm_of(a - b) / norm, float("inf"), "inconclusive"  # what cancels in f leaves such a rest
    a, b, doubt = a / norm, b / norm, doubt / norm  # whose squares neither overflow nor vanish
    if witness in EXACT and (error := norm_of(a - b)) <= tolerance:
        return judged, error, tolerance, "pass"
    # The surest entry, the two surest, ...: each of these sets is compared, and the largest that says something counts.
    # One doubtful entry hides no other, and a doubt that is small by chance is no reason to fail.
    order = np.argsort(doubt, kind="stable")
    errors, norms = _norms((a - b)[order]), np.maximum(_norms(a[order]), _norms(b[order]))
    usual = np.minimum(np.quantile(doubt, 0.5, method="lower"), CHANCE * doubt)
    bounds = np.maximum(tolerance, _norms(np.maximum(doubt, usual)[order]))
    fails = np.flatnonzero((errors > bounds) & (bounds <= BLIND * norms))
    passes = np.flatnonzero(bounds <= VISIBLE * norms)
    verdict: Verdict = "fail" if len(fails) else "pass" if len(passes) else "inconclusive"
    last = fails[-1] if len(fails) else passes[-1] if len(passes) else len(a) - 1
    least = norms[last] or 1.0
    return judged[np.sort(order[: last + 1])], float(errors[last] / least), float(bounds[last] / least), verdict


def _one_sided(evidence: Evidence, block: str, subject: Subject) -> GradientCheck:
    """Return the check of the entries at a kink: it may fail them, but no block passes by it."""
    v = evidence.direction(block, evidence.kinked)
    index = np.flatnonzero(v)
    theta, sides = evidence.blocks.theta, evidence.sides(v)
    near = gradients_beside(subject.gradient, theta, v)
    beside, further = along(near, v), slopes_beside(subject.gradient, theta, v, FURTHER)
    error, limit = sides.error(beside), sides.limit(beside)
    # A corner that is rounded off, as in sqrt(x^2 + 1e-16), looks like a kink from afar; its slope is still changing.
    settled = bool(4 * np.max(np.abs(beside - further)) <= np.max(np.abs(beside - sides.slopes)))
    a, (low, high) = subject.value[index], (end[index] for end in evidence.ends)
    size = AGREE * (np.abs(low) + np.abs(high))
    outside = (a < low - size) | (a > high + size)
    as_reverse = np.full(len(index), True)
    if evidence.reverse is not None:
        as_reverse = np.abs(a - evidence.gradient[index]) <= size
    # The same a little to either side: by_hand is a number, computed for the point alone. `jax.grad` is none.
    constant = subject.name != JAX_GRAD and bool(
        abs(beside[0] - beside[1]) <= AGREE * max(abs(beside[0] - sides.slopes).max(), norm_of(beside))
    )
    as_right = False
    if constant and evidence.reverse is not None and as_reverse.all():
        by_reverse = slopes_beside(evidence.reverse, theta, v)
        as_right = sides.error(by_reverse) <= sides.limit(by_reverse)
    # Entry by entry, since the slope along v sees no entry that is small beside the others.
    doubt = 4 * evidence.rounding / (derivatives.SMALL_STEPS[0] * evidence.size[index])
    least, most = low - AGREE * np.abs(low) - doubt, high + AGREE * np.abs(high) + doubt
    within = (near[:, index] >= least) & (near[:, index] <= most)
    # Entries that are tied, as in a maximum, may move together without a kink, and then their slopes add up.
    together = np.where(v != 0, evidence.size, 0.0)
    level, slope = evidence.sides(together), float(np.sum(a * evidence.size[index]))
    tied = level.kinked or level.error(np.array([slope, slope])) <= level.limit(np.array([slope, slope]))
    verdict: Verdict = "inconclusive"
    if not np.isfinite(a).all() or (error > limit and settled and not constant) or (outside & ~as_reverse).any():
        verdict = "fail"
    elif ((error <= limit and within.all()) or as_right) and tied and not outside.any():
        verdict = "pass"
    return GradientCheck(
        block=block,
        shape=evidence.blocks.shapes[block],
        witness=ONE_SIDED,
        entries=len(index),
        kinked=0,
        norm=float(np.max(np.abs([*sides.slopes, *beside]))),
        relative_error=error,
        limit=limit,
        verdict=verdict,
        reason="which slope of a kink is meant is a convention" if verdict == "inconclusive" else "",
    )


def _why(
    witness: str, subject: Subject, index: NDArray[np.int64], said: derivatives.Partials, judged: NDArray[np.int64]
) -> str:
    """Return what most of the doubt is."""
    rounding = said.rounding[judged]
    parts = {
        f"rounding in {subject.name}": norm_of(subject.rounding[index]),
        "rounding in f" if witness in DIFFERENCES else f"rounding in {witness}": norm_of(rounding),
        "f turns or has a kink within the step" if witness in DIFFERENCES else f"{witness} jumps at the point": norm_of(
            said.uncertainty[judged] - rounding
        ),
    }
    return max(parts, key=lambda part: parts[part])


def _tolerance(evidence: Evidence, subject: Subject, witness: str) -> float:
    lower = subject.lower or evidence.f.rounds_in_lower_precision
    return max(TOLERANCE[witness], LOWER_PRECISION if lower else 0.0)


def norm_of(vector: Floats) -> float:
    """Return the Euclidean norm, also where squares would overflow or vanish."""
    largest = float(np.max(np.abs(vector), initial=0))
    return largest * float(np.linalg.norm(vector / largest)) if 0 < largest < np.inf else largest


def _norms(vector: Floats) -> Floats:
    """Return the norms of the first entry, the first two, and so on."""
    return np.sqrt(np.cumsum(vector**2))
