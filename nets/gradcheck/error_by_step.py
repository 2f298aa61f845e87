"""The error of a finite difference by its step: truncation falls with the step, and rounding grows as it falls.

The error of order p is about C h^p + R / h: a line of slope p and one of slope -1 on logarithmic axes. It is smallest
where both balance, at h = (R / (p C))^(1 / (p + 1)). The complex step subtracts nothing and has no second line.

References
----------
Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed. Springer. Section 8.1.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import exact_derivatives, finite_differences
from nets.gradcheck._function_values import Values, scale
from nets.gradcheck._leaves import Leaves, finite
from nets.gradcheck.methods import Function
from nets.gradcheck.rounding_noise import EPS

STEPS = np.ldexp(1.0, -np.arange(1, 51))
"""From 1/2 to 1e-15, for parameters of magnitude 1 or less: powers of two, so that theta + h loses no digit of h."""


@dataclass(frozen=True, kw_only=True)
class ErrorByStep:
    """The error of one method at each step, relative to the norm of the gradient."""

    method: str
    errors: NDArray[np.float64]
    """||a - b|| / ||b|| with b by `jax.grad`, one for each of `STEPS`."""
    order: int
    """p, in theory."""
    truncation: float
    """C of C h^p, from the error at h = 1/16."""
    rounding: float
    """R of R / h, in theory: eps |f| for each parameter. 0 for the complex step."""

    @property
    def slope(self) -> float:
        """p as measured: the median over pairs of neighbouring steps where truncation dominates; nan if none do."""
        dominates = self.truncation * STEPS**self.order > 30 * np.maximum(self.rounding / STEPS, EPS)
        small = STEPS <= 2.0**-3  # larger steps need more terms of the series
        pairs = np.flatnonzero((dominates & small)[:-1] & (dominates & small)[1:])
        return float(np.median(np.log2(self.errors[pairs] / self.errors[pairs + 1]))) if len(pairs) else np.nan

    @property
    def optimum(self) -> float:
        """The step at which the two lines of the theory have the smallest sum; nan without rounding."""
        if not self.rounding:
            return np.nan
        return (self.rounding / (self.order * self.truncation)) ** (1 / (self.order + 1))

    @property
    def best(self) -> float:
        """The step with the smallest measured error."""
        return float(STEPS[np.argmin(self.errors)])


def errors_by_step(f: Function, params: Any, *, complex_f: Function) -> list[ErrorByStep]:
    """Return the errors of one-sided and central differences, Richardson's and the complex step at each of `STEPS`.

    ``f``, ``complex_f`` and errors are as in `nets.gradcheck.checks.check_gradient`.
    """
    with jax.enable_x64(True):
        leaves = Leaves.of(params)
        theta = leaves.theta
        flat_f = leaves.function("f", f)
        flat_complex_f = leaves.function("complex_f", complex_f, dtype=jnp.complex128)
        value = finite("f", jax.jit(flat_f)(theta))
        index = np.arange(len(theta))
        gradient = np.asarray(jax.jit(jax.grad(flat_f))(theta))
        norm = np.linalg.norm(gradient)
        rounding = float(EPS * abs(value) * np.linalg.norm(1 / scale(theta)) / norm)
        error = EPS * abs(value)
        results = []
        f_values = Values(flat_f, theta)  # compiled once for all steps
        complex_step = jax.jit(lambda h: exact_derivatives.complex_steps(flat_complex_f, theta[None], index, h)[0])
        for method, order, estimate in [
            ("one-sided", 1, lambda h: finite_differences.one_sided(f_values, theta, index, error, h).value),
            ("central", 2, lambda h: finite_differences.central(f_values, theta, index, error, h).value),
            ("Richardson", 6, lambda h: finite_differences.richardson(f_values, theta, index, error, h, tries=1).value),
            ("complex step", 2, complex_step),
        ]:
            estimates = np.array([estimate(step) for step in STEPS])
            errors = np.linalg.norm(estimates - gradient, axis=1) / norm
            results.append(
                ErrorByStep(
                    method=method,
                    errors=errors,
                    order=order,
                    truncation=_constant(errors, order),
                    rounding=0.0 if method == "complex step" else rounding,
                )
            )
    return results


def _constant(errors: NDArray[np.float64], order: int) -> float:
    """Return C where error = C h^p: at h = 1/16, small enough for the series and large enough for rounding."""
    return float(errors[3] / STEPS[3] ** order)
