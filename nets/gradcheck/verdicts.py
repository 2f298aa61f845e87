"""Comparison of a gradient with the reference derivatives: which entries are compared, and which verdict follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from closedform.verdict import Verdict
from nets.gradcheck import exact_derivatives, finite_differences
from nets.gradcheck._function_values import Values
from nets.gradcheck._leaves import Leaves
from nets.gradcheck._one_sided_slopes import (
    FAR,
    SLOPE_TOLERANCE,
    OneSidedSlopes,
    inner_products,
    nearby_gradients,
    nearby_slopes,
    one_sided_slopes,
)
from nets.gradcheck._reduced_programs import ReducedProgram
from nets.gradcheck.results import (
    DETECTABLE_ERROR,
    JAX_GRAD,
    ONE_SIDED,
    SAME_RULES,
    GradientCheck,
    GradientChecks,
    WorstEntry,
)
from nets.gradcheck.rounding_noise import EPS

Floats = NDArray[np.float64]

TOLERANCE = {"reverse": 1e-13, "forward": 1e-13, "complex step": 1e-13, "richardson": 1e-10, "central": 1e-8}
"""Method -> its accuracy: the relative error of a leaf, in float64. tests/tolerances.py has the measurements."""
LOWER_PRECISION = 2.0**-20
"""The tolerance where part of f (besides what can be computed beforehand) or of the gradient is in float32: 8 units in
its last place."""
MAX_UNCERTAINTY = 0.5
"""An estimate with a larger relative uncertainty cannot fail a gradient, because all its steps may cross a pole."""
CHANCE_FACTOR = 1e5
"""Largest factor by which an error estimate is too small by chance."""
EXACT_METHODS = ("reverse", "forward", "complex step")
"""Methods that subtract nothing: an error above rounding is a mistake."""
DIFFERENCE_METHODS = ("richardson", "central")


@dataclass(frozen=True)
class Estimate:
    """The gradient at some entries, (Q,), by one method."""

    method: str
    index: NDArray[np.int64]
    partials: exact_derivatives.Partials


@dataclass(frozen=True)
class GradientUnderTest:
    """A gradient that is compared with the reference derivatives."""

    name: str
    gradient: Callable[[jax.Array], Any]
    """The gradient as a function of the vector of parameters."""
    value: Floats
    """(P,)."""
    rounding: Floats
    """(P,)."""
    lower_precision: bool
    """Whether something in it is rounded to float32."""


@dataclass(frozen=True, kw_only=True)
class ReferenceDerivatives:
    """The derivatives of f at one point by all methods, and the kinks of f there."""

    leaves: Leaves
    f: ReducedProgram
    values: Values
    """f near the point."""
    rounding: float
    """Rounding of f there, as in `nets.gradcheck.rounding_noise.rounding`."""
    reverse: Callable[[jax.Array], Any] | None
    """``jax.grad`` of f, compiled; None if it does not exist."""
    gradient: Floats
    """The gradient by ``jax.grad``, (P,); zeros if it does not exist."""
    scale: Floats
    """Scale of each parameter, (P,)."""
    sample: NDArray[np.int64]
    """The parameters at which every method was evaluated."""
    estimates: Sequence[Estimate]

    @cached_property
    def mode_difference(self) -> Floats:
        """Difference of reverse and forward mode at each parameter, (P,); 0 where one of them was not evaluated."""
        difference = np.zeros(len(self.scale))
        for estimate in self.estimates:
            if estimate.method == "forward" and self.reverse is not None:
                difference[estimate.index] = np.abs(
                    np.nan_to_num(estimate.partials.value) - np.nan_to_num(self.gradient)[estimate.index]
                )
        return difference

    @cached_property
    def has_kink(self) -> bool:
        """Whether f has a kink at the point along a random direction: along an axis or not."""
        return finite_differences.has_kink(self.values, self.leaves.theta, self.rounding)

    @cached_property
    def has_difference(self) -> NDArray[np.bool_]:
        """Where a finite difference was taken, (P,)."""
        return self._from_differences(lambda partials: np.ones(len(partials.value), bool), False)

    @cached_property
    def at_kink(self) -> NDArray[np.bool_]:
        """Where f has a kink at the point itself, along the axis of the parameter, (P,)."""
        return self._from_differences(lambda partials: np.asarray(partials.jump) != 0, False)

    @cached_property
    def slope_range(self) -> tuple[Floats, Floats]:
        """The smaller and the larger one-sided slope of each parameter, (P,) both."""
        left = self._from_differences(lambda partials: partials.value - partials.jump / 2, np.nan)
        right = self._from_differences(lambda partials: partials.value + partials.jump / 2, np.nan)
        return np.fmin(left, right), np.fmax(left, right)

    def direction(self, leaf: str, mask: NDArray[np.bool_]) -> Floats:
        """Return a random direction along those entries of ``leaf`` in ``mask`` that have a finite difference."""
        where, v = self.leaves.slices[leaf], np.zeros(len(self.scale))
        rng = np.random.default_rng([where.start, 0x51DE])
        v[where] = rng.uniform(0.5, 1.5, where.stop - where.start) * rng.choice([-1, 1], where.stop - where.start)
        return np.where(mask & self.has_difference, v * self.scale, 0.0)

    def one_sided_slopes(self, v: Floats) -> OneSidedSlopes:
        """Return the one-sided slopes of f along ``v``."""
        if (key := v.tobytes()) not in self._one_sided_slopes:
            # theta + h v is rounded too.
            rounding = 4 * EPS * norm_of(np.nan_to_num(self.gradient) * np.asarray(self.leaves.theta))
            slopes, uncertainties = self._slopes_along(jnp.asarray(v), self.rounding + rounding)
            self._one_sided_slopes[key] = OneSidedSlopes(np.asarray(slopes), np.asarray(uncertainties))
        return self._one_sided_slopes[key]

    @cached_property
    def _one_sided_slopes(self) -> dict[bytes, OneSidedSlopes]:
        return {}

    @cached_property
    def _slopes_along(self) -> Callable[..., Any]:
        return jax.jit(lambda v, error: one_sided_slopes(self.f, self.leaves.theta, v, error))

    def _from_differences(self, part: Callable[[exact_derivatives.Partials], Any], default: Any) -> NDArray[Any]:
        result = np.full(len(self.scale), default)
        for estimate in self.estimates:
            if estimate.method in DIFFERENCE_METHODS:
                result[estimate.index] = part(estimate.partials)
        return result


def check_leaves(reference: ReferenceDerivatives, tested: GradientUnderTest) -> GradientChecks:
    """Return the checks of the gradient ``tested``, one for each leaf and method."""
    all_checks: list[GradientCheck] = []
    uncertain_leaves: list[str] = []
    for leaf, where in reference.leaves.slices.items():
        passing = np.zeros(len(reference.scale), bool)
        checks = []
        for estimate in reference.estimates:
            check, index = _check(reference, leaf, estimate, tested)
            checks.append(check)
            if check.verdict == "pass" and (tested.name, check.method) not in SAME_RULES:
                passing[index] = True
        if any(check.verdict == "fail" for check in checks):
            checks = _excuse_kink(reference, leaf, tested, checks)
            if not any(check.verdict == "fail" for check in checks):
                passing[:] = False  # a gradient that contradicts one method is not passed by another
        all_checks += checks
        if reference.at_kink[where].any():
            all_checks.append(_check_one_sided(reference, leaf, tested))
        in_sample = np.isin(np.arange(where.start, where.stop), reference.sample)
        if (in_sample & ~passing[where] & ~reference.at_kink[where]).any():
            uncertain_leaves.append(leaf)
    return GradientChecks(tested.name, tuple(all_checks), tuple(uncertain_leaves))


def _excuse_kink(
    reference: ReferenceDerivatives, leaf: str, tested: GradientUnderTest, checks: list[GradientCheck]
) -> list[GradientCheck]:
    """Return ``checks`` with inconclusive for fail if f has a kink along no axis, as a median has at a tie.

    The gradient must be right on either side of the kink; its value at the kink is a convention.
    """
    v = reference.direction(leaf, ~reference.at_kink)
    if not v.any() or not reference.has_kink or not np.isfinite(tested.value[reference.leaves.slices[leaf]]).all():
        return checks
    one_sided = reference.one_sided_slopes(v)
    if not one_sided.has_kink:
        return checks
    slopes = nearby_slopes(tested.gradient, reference.leaves.theta, v)
    if not one_sided.error(slopes) <= one_sided.limit(slopes):
        return checks
    reason = "f has a kink here along no axis, and the gradient is right near it"
    return [
        replace(check, verdict="inconclusive", reason=reason) if check.verdict == "fail" else check for check in checks
    ]


def _check(
    reference: ReferenceDerivatives, leaf: str, estimate: Estimate, tested: GradientUnderTest
) -> tuple[GradientCheck, NDArray[np.int64]]:
    """Return the check, and the indices of the parameters compared."""
    where, shape = reference.leaves.slices[leaf], reference.leaves.shapes[leaf]
    in_leaf = (where.start <= estimate.index) & (estimate.index < where.stop)
    index, partials = (
        estimate.index[in_leaf],
        exact_derivatives.Partials(*(part[in_leaf] for part in estimate.partials)),
    )
    a, b, uncertainty = tested.value[index], partials.value, partials.uncertainty + tested.rounding[index]
    at_kink, finite = reference.at_kink[index], np.isfinite(b) & np.isfinite(uncertainty)
    make = partial(GradientCheck, leaf=leaf, shape=shape, method=estimate.method, at_kink=int(at_kink.sum()))

    def worst(i: int) -> WorstEntry:
        position = np.unravel_index(int(index[i]) - where.start, shape)
        return WorstEntry(tuple(int(axis) for axis in position), float(a[i]), float(b[i]))

    if not np.isfinite(a).all():
        check = make(
            entries=len(index),
            norm=float("nan"),
            relative_error=float("nan"),
            limit=_tolerance(reference, tested, estimate.method),
            verdict="fail",
            worst=worst(int(np.flatnonzero(~np.isfinite(a))[0])),
        )
        return check, index
    if not len(index):
        limit = _tolerance(reference, tested, estimate.method)
        return make(entries=0, norm=0.0, relative_error=0.0, limit=limit, verdict="pass"), index
    candidates = np.flatnonzero(finite & ~at_kink)
    uncertain = int((~finite & ~at_kink).sum())
    if not len(candidates):
        check = make(
            entries=0,
            uncertain=uncertain,
            norm=norm_of(a),
            relative_error=float("nan"),
            limit=float("inf"),
            verdict="inconclusive",
            reason="a kink at the point" if at_kink.any() else "the method has no number here",
        )
        return check, candidates
    tolerance = _tolerance(reference, tested, estimate.method)
    subset, error, limit, verdict = _compare(
        reference, estimate.method, tolerance, index, candidates, a, b, uncertainty, partials
    )
    zero_sample = norm_of(a) == norm_of(b) == 0 < norm_of(tested.value[where])
    if zero_sample:
        verdict = "inconclusive"
    reason = _reason(estimate.method, tested, index[candidates], partials, candidates)
    check = make(
        entries=len(subset),
        uncertain=uncertain + len(candidates) - len(subset),
        norm=max(norm_of(a[subset]), norm_of(b[subset])),
        relative_error=error,
        limit=limit,
        verdict=verdict,
        reason="" if verdict != "inconclusive" else "all entries drawn are 0" if zero_sample else reason,
        worst=worst(int(subset[np.argmax(np.abs(a - b)[subset])])),
    )
    return check, index[subset]


def _compare(
    reference: ReferenceDerivatives,
    method: str,
    tolerance: float,
    index: NDArray[np.int64],
    candidates: NDArray[np.int64],
    a: Floats,
    b: Floats,
    uncertainty: Floats,
    partials: exact_derivatives.Partials,
) -> tuple[NDArray[np.int64], float, float, Verdict]:
    """Return which of the ``candidates`` are compared, all but the uncertain, with error, limit and verdict."""
    a, b, uncertainty = a[candidates], b[candidates], uncertainty[candidates]
    norm = max(norm_of(a), norm_of(b))
    # A gradient of this size changes f by its rounding.
    rounding = reference.rounding * norm_of(1 / reference.scale[index[candidates]])
    if method in EXACT_METHODS:
        error = norm_of(uncertainty) + 4 * norm_of(reference.mode_difference[index[candidates]])
        zero = norm <= error and norm <= finite_differences.ZERO * rounding
    else:
        floor = finite_differences.ZERO * norm_of(partials.floor[candidates])
        zero = norm <= floor and norm_of(partials.uncertainty[candidates]) <= floor
    if zero:  # gradient and estimate both
        return candidates, 0.0, tolerance, "pass"
    if norm == 0:
        return candidates, 0.0, float("inf"), "inconclusive"
    if method in EXACT_METHODS and norm <= rounding:  # such a remainder is left when terms of f cancel
        return candidates, norm_of(a - b) / norm, float("inf"), "inconclusive"
    a, b, uncertainty = a / norm, b / norm, uncertainty / norm  # whose squares neither overflow nor vanish
    if method in EXACT_METHODS and (error := norm_of(a - b)) <= tolerance:
        return candidates, error, tolerance, "pass"
    # The most certain entry, the two most certain, ...: each of these sets is compared, and the largest that decides
    # counts. So an uncertain entry hides no other, and an error estimate that is small by chance causes no failure.
    order = np.argsort(uncertainty, kind="stable")
    errors, norms = _norms((a - b)[order]), np.maximum(_norms(a[order]), _norms(b[order]))
    typical = np.minimum(np.quantile(uncertainty, 0.5, method="lower"), CHANCE_FACTOR * uncertainty)
    bounds = np.maximum(tolerance, _norms(np.maximum(uncertainty, typical)[order]))
    fails = np.flatnonzero((errors > bounds) & (bounds <= MAX_UNCERTAINTY * norms))
    passes = np.flatnonzero(bounds <= DETECTABLE_ERROR * norms)
    verdict: Verdict = "fail" if len(fails) else "pass" if len(passes) else "inconclusive"
    last = fails[-1] if len(fails) else passes[-1] if len(passes) else len(a) - 1
    scale = norms[last] or 1.0
    return candidates[np.sort(order[: last + 1])], float(errors[last] / scale), float(bounds[last] / scale), verdict


def _check_one_sided(reference: ReferenceDerivatives, leaf: str, tested: GradientUnderTest) -> GradientCheck:
    """Return the check of the entries at a kink: it may fail the leaf, but it passes none."""
    v = reference.direction(leaf, reference.at_kink)
    index = np.flatnonzero(v)
    theta, one_sided = reference.leaves.theta, reference.one_sided_slopes(v)
    gradients = nearby_gradients(tested.gradient, theta, v)
    near, far = inner_products(gradients, v), nearby_slopes(tested.gradient, theta, v, FAR)
    error, limit = one_sided.error(near), one_sided.limit(near)
    # A smoothed corner, as in sqrt(x^2 + 1e-16), looks like a kink from a distance; its slope still changes.
    is_settled = bool(4 * np.max(np.abs(near - far)) <= np.max(np.abs(near - one_sided.slopes)))
    a, (low, high) = tested.value[index], (bound[index] for bound in reference.slope_range)
    tolerance = SLOPE_TOLERANCE * (np.abs(low) + np.abs(high))
    outside = (a < low - tolerance) | (a > high + tolerance)
    matches_reverse = np.full(len(index), True)
    if reference.reverse is not None:
        matches_reverse = np.abs(a - reference.gradient[index]) <= tolerance
    # The same on either side: `grad_fn` returns a number computed for the point alone. `jax.grad` never does.
    is_constant = tested.name != JAX_GRAD and bool(
        abs(near[0] - near[1]) <= SLOPE_TOLERANCE * max(abs(near[0] - one_sided.slopes).max(), norm_of(near))
    )
    reverse_is_right = False
    if is_constant and reference.reverse is not None and matches_reverse.all():
        reverse_slopes = nearby_slopes(reference.reverse, theta, v)
        reverse_is_right = one_sided.error(reverse_slopes) <= one_sided.limit(reverse_slopes)
    # Entry by entry, since an entry that is small beside the others does not change the slope along v.
    uncertainty = 4 * reference.rounding / (finite_differences.SMALL_STEPS[0] * reference.scale[index])
    lower = low - SLOPE_TOLERANCE * np.abs(low) - uncertainty
    upper = high + SLOPE_TOLERANCE * np.abs(high) + uncertainty
    within = (gradients[:, index] >= lower) & (gradients[:, index] <= upper)
    # Tied entries, as in a maximum, may move together without a kink, and then their slopes add up.
    diagonal = reference.one_sided_slopes(np.where(v != 0, reference.scale, 0.0))
    total = np.full(2, float(np.sum(a * reference.scale[index])))
    ties_agree = diagonal.has_kink or diagonal.error(total) <= diagonal.limit(total)
    verdict: Verdict = "inconclusive"
    if (
        not np.isfinite(a).all()
        or (error > limit and is_settled and not is_constant)
        or (outside & ~matches_reverse).any()
    ):
        verdict = "fail"
    elif ((error <= limit and within.all()) or reverse_is_right) and ties_agree and not outside.any():
        verdict = "pass"
    return GradientCheck(
        leaf=leaf,
        shape=reference.leaves.shapes[leaf],
        method=ONE_SIDED,
        entries=len(index),
        at_kink=0,
        norm=float(np.max(np.abs([*one_sided.slopes, *near]))),
        relative_error=error,
        limit=limit,
        verdict=verdict,
        reason="which slope counts at a kink is a convention" if verdict == "inconclusive" else "",
    )


def _reason(
    method: str,
    tested: GradientUnderTest,
    index: NDArray[np.int64],
    partials: exact_derivatives.Partials,
    candidates: NDArray[np.int64],
) -> str:
    """Return the largest part of the uncertainty, in words."""
    is_difference, rounding = method in DIFFERENCE_METHODS, partials.rounding[candidates]
    truncation = norm_of(partials.uncertainty[candidates] - rounding)
    parts = {
        f"rounding in {tested.name}": norm_of(tested.rounding[index]),
        "rounding in f" if is_difference else f"rounding in {method}": norm_of(rounding),
        "f has a kink or oscillates within the step" if is_difference else f"{method} jumps at the point": truncation,
    }
    return max(parts, key=lambda part: parts[part])


def _tolerance(reference: ReferenceDerivatives, tested: GradientUnderTest, method: str) -> float:
    lower_precision = tested.lower_precision or reference.f.rounds_in_lower_precision
    return max(TOLERANCE[method], LOWER_PRECISION if lower_precision else 0.0)


def norm_of(vector: Floats) -> float:
    """Return the Euclidean norm, also where squares would overflow or vanish."""
    largest = float(np.max(np.abs(vector), initial=0))
    return largest * float(np.linalg.norm(vector / largest)) if 0 < largest < np.inf else largest


def _norms(vector: Floats) -> Floats:
    """Return the norms of the first entry, the first two, and so on."""
    return np.sqrt(np.cumsum(vector**2))
