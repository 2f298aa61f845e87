r"""The derivatives of f at a point by every method of the table, for the checks of gradients.

All work on float64 vectors. h is the step, scaled by the coordinate, and e the unit vector of a coordinate.

========================  =============================================  ===========================================
method                    formula, h the step                            error
========================  =============================================  ===========================================
reverse mode              ``jax.grad``                                   rounding
forward mode              one ``jax.jvp`` for each coordinate            rounding
complex step              Im f(theta + i h e) / h                        rounding, if f is holomorphic: h = 1e-30
one-sided difference      (f(theta + h e) - f(theta)) / h                h f'' / 2 + eps \|f\| / h
central difference        (f(theta + h e) - f(theta - h e)) / (2 h)      h^2 f''' / 6 + eps \|f\| / h
Richardson                central at h, h/2, h/4, extrapolated to 0      O(h^6) + eps \|f\| / h
========================  =============================================  ===========================================
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import exact_derivatives, finite_differences, rounding_noise
from nets.gradcheck._function_values import Values, scale
from nets.gradcheck._leaves import Leaves, finite
from nets.gradcheck._reduced_programs import ReducedProgram
from nets.gradcheck.results import JAX_GRAD, GradientChecks
from nets.gradcheck.verdicts import (
    DIFFERENCE_METHODS,
    TOLERANCE,
    Estimate,
    GradientUnderTest,
    ReferenceDerivatives,
    check_leaves,
    norm_of,
)

Function = Callable[[Any], jax.Array]

SMALL_ROUNDING = 1e-10
"""Rounding of a gradient below this, relative to its leaf, is not measured a second time."""
NO_RULE = (NotImplementedError, ValueError, TypeError)
"""Errors that JAX raises if an operation has no derivative in one mode."""


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """The derivatives of f at one point by all methods; several gradients may be checked against them."""

    reference: ReferenceDerivatives
    reverse_error: str
    """Why ``jax.grad`` of f does not exist, '' if it does."""

    def check(self, name: str, grad_fn: Callable[[Any], Any]) -> GradientChecks:
        """Return the checks of the tree ``grad_fn(params)``; errors as in `check_gradient`."""
        with jax.enable_x64(True):
            gradient, lower_precision = ravel_gradient(self.reference.leaves, grad_fn, self.reference.f, name)
            return _check(self.reference, name, gradient, lower_precision)

    def check_jax_grad(self) -> GradientChecks:
        """Return the checks of ``jax.grad`` itself; raise ValueError if it does not exist."""
        reverse = self.reference.reverse
        if reverse is None:
            raise ValueError(
                f"`grad_fn` must be given where `jax.grad` of `f` does not exist, got None: {self.reverse_error}"
            )
        others = [estimate for estimate in self.reference.estimates if estimate.method != "reverse"]
        with jax.enable_x64(True):
            return _check(replace(self.reference, estimates=others), JAX_GRAD, reverse, lower_precision=False)


def _check(
    reference: ReferenceDerivatives, name: str, gradient: Callable[[jax.Array], Any], lower_precision: bool
) -> GradientChecks:
    if not reference.estimates:
        raise ValueError(
            f"`methods` must name one that can check {name}, got none; the complex step needs `complex_f`, and reverse "
            "mode cannot check itself."
        )
    theta, slices = reference.leaves.theta, reference.leaves.slices
    partials = exact_derivatives.value_and_rounding(gradient, theta, eager_map)
    rounding = gradient_rounding(gradient, theta, partials, slices)
    tested = GradientUnderTest(name, gradient, partials.value, rounding, lower_precision)
    return check_leaves(reference, tested)


def gradient_rounding(
    gradient: Callable[[jax.Array], Any],
    theta: jax.Array,
    partials: exact_derivatives.Partials,
    slices: dict[str, slice],
) -> NDArray[np.float64]:
    """Return the rounding in ``gradient``, (P,). That of ``partials`` may be a jump of the gradient at the point."""
    value, rounding = partials.value, np.nan_to_num(partials.uncertainty, posinf=0.0)
    large = [
        where
        for where in slices.values()
        if norm_of(rounding[where]) > SMALL_ROUNDING * norm_of(np.nan_to_num(value[where]))
    ]
    if large:
        nearby = rounding_noise.nearby_rounding(gradient, theta, eager_map)
        for where in large:
            rounding[where] = np.fmin(rounding[where], nearby[where])
    return rounding


def estimate_derivatives(
    f: Function,
    params: Any,
    *,
    complex_f: Function | None = None,
    methods: Sequence[str] | None = None,
    max_entries: int = 1000,
    seed: int = 0,
    has_aux: bool = False,
) -> Estimates:
    """Return the derivatives of ``f`` by each of ``methods``; arguments and errors as in `check_gradient`."""
    unknown = [name for name in methods or () if name not in TOLERANCE]
    if unknown or (methods is not None and not methods):
        raise ValueError(f"`methods` must be some of {list(TOLERANCE)}, got {unknown or methods}.")
    if max_entries < 1:
        raise ValueError(f"`max_entries` must be 1 or more, got {max_entries}.")
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {seed}.")
    rng = np.random.default_rng(seed)
    names = list(TOLERANCE) if methods is None else list(methods)
    with jax.enable_x64(True):
        leaves = Leaves.of(params)
        theta = leaves.theta
        flat_f = leaves.function("f", f, has_aux=has_aux)
        missing: dict[str, str] = {}
        value_and_grad = jax.jit(jax.value_and_grad(flat_f))
        try:
            value, gradient = value_and_grad(theta)
        except NO_RULE as error:
            missing["reverse"] = str(error).splitlines()[0]
            value, gradient = jax.jit(flat_f)(theta), jnp.zeros_like(theta)
        value, gradient = finite("f", value), np.asarray(gradient)
        if flat_f.has_custom_vjp:
            missing["forward"] = "`f` has a `jax.custom_vjp`, through which there is no forward mode."
        elif "forward" in names:
            try:
                jax.eval_shape(lambda theta: jax.jvp(flat_f, (theta,), (theta,)), theta)
            except NO_RULE as error:
                missing["forward"] = str(error).splitlines()[0]
        for name in methods or ():
            if name in missing:
                raise ValueError(f"`methods` must leave out {name!r}, got {names}: {missing[name]}")
        sample = np.concatenate(
            [_sample(rng, np.abs(gradient), where, max_entries) for where in leaves.slices.values()]
        )
        partials: dict[str, exact_derivatives.Partials] = {}
        if "forward" in names and "forward" not in missing:
            partials["forward"] = exact_derivatives.forward(flat_f, theta, sample)
        f_values = Values(flat_f, theta)
        rounding = rounding_noise.rounding(f_values, theta)
        differences = [name for name in names if name in DIFFERENCE_METHODS]
        partials |= zip(
            differences, finite_differences.differences(f_values, differences, theta, sample, rounding), strict=True
        )
        if "reverse" in names and "reverse" not in missing:
            partials["reverse"] = exact_derivatives.value_and_rounding(
                lambda point: value_and_grad(point)[1], theta, eager_map
            )
        if "complex step" in names and complex_f is not None:
            flat_complex_f = leaves.function("complex_f", complex_f, has_aux=has_aux, dtype=jnp.complex128)
            complex_value = finite("complex_f", jnp.real(jax.jit(flat_complex_f)(theta.astype(complex))))
            partials["complex step"] = exact_derivatives.complex_step(flat_complex_f, theta, sample)
            if not abs(complex_value - value) <= 1e-9 * abs(value) + 1e-12:  # either form may lose digits
                raise ValueError(
                    f"`complex_f` must be the same function as `f`, got {complex_value} where `f` is {value}; only the "
                    "form in which they are written may differ."
                )
        estimates = [
            Estimate(
                name,
                np.arange(len(theta)) if name == "reverse" else sample,
                partials[name],
            )
            for name in sorted(names, key=lambda name: name == "complex step")
            if name in partials
        ]
        reference = ReferenceDerivatives(
            leaves=leaves,
            f=flat_f,
            values=f_values,
            rounding=rounding,
            reverse=None if "reverse" in missing else lambda point: value_and_grad(point)[1],
            gradient=gradient,
            scale=scale(theta),
            sample=sample,
            estimates=estimates,
        )
        return Estimates(reference=reference, reverse_error=missing.get("reverse", ""))


def eager_map(gradient: Callable[[jax.Array], Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``gradient`` at each of ``points``, called from Python: it may not be a JAX function."""
    return np.stack([gradient(jnp.asarray(point)) for point in points])


def ravel_gradient(
    leaves: Leaves, grad_fn: Callable[[Any], Any], f: ReducedProgram, name: str = "grad_fn"
) -> tuple[Callable[[jax.Array], NDArray[np.float64]], bool]:
    """Return ``grad_fn`` as a function of the vector, and whether something in it is rounded to float32.

    If so, what it computes from closed-over arrays is computed as in ``f``: operation by operation and not by XLA.
    """

    def of_vector(theta: jax.Array) -> Any:
        return grad_fn(leaves.tree(theta))

    called, lower_precision = of_vector, f.computed_in_lower_precision
    try:
        program = ReducedProgram.of(of_vector, leaves.theta)
    except Exception:  # `grad_fn` may not be a JAX function, and an error in it is raised when it is called
        program = None
    if program is not None:
        lower_precision = program.computed_in_lower_precision or program.rounds_in_lower_precision
        called = program if lower_precision else of_vector
    return lambda theta: leaves.vector(name, called(theta)), lower_precision


def _sample(
    rng: np.random.Generator, magnitude: NDArray[np.float64], where: slice, max_entries: int
) -> NDArray[np.int64]:
    """Return the indices in ``where``, or if there are more than ``max_entries``, a sample of that size, in order.

    Half of the sample are the entries with the largest gradient: in an embedding, few entries have any.
    """
    index = np.arange(where.start, where.stop)
    if len(index) <= max_entries:
        return index
    by_magnitude = index[np.argsort(-np.nan_to_num(magnitude[where]), kind="stable")]
    largest, others = np.split(by_magnitude, [(max_entries + 1) // 2])
    return np.sort(np.concatenate([largest, rng.choice(others, max_entries // 2, replace=False)]))
