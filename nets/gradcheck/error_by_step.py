"""How the error of a difference depends on its step: truncation falls with the step, rounding grows as it falls.

With order p the error is about C h^p + R / h: a line of slope p and one of slope -1 on logarithmic axes, and it is
smallest where they balance, at h = (R / (p C))^(1 / (p + 1)). The complex step subtracts nothing, so it has no second
line.

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

from nets.gradcheck import derivatives
from nets.gradcheck._leaves import Blocks, finite
from nets.gradcheck.estimates import Function

STEPS = np.ldexp(1.0, -np.arange(1, 51))
"""From 1/2 to 1e-15, for parameters of magnitude 1 or less: powers of two, so that theta + h loses no digit of h."""


@dataclass(frozen=True, kw_only=True)
class StepSizes:
    """The error of one way to a gradient at each step, relative to the norm of the gradient."""

    name: str
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
        """p as it was seen: between two neighbouring steps where truncation is alone, the median; nan without any."""
        alone = self.truncation * STEPS**self.order > 30 * np.maximum(self.rounding / STEPS, derivatives.EPS)
        small = STEPS <= 2.0**-3  # beyond the first terms of the series otherwise
        pairs = np.flatnonzero((alone & small)[:-1] & (alone & small)[1:])
        return float(np.median(np.log2(self.errors[pairs] / self.errors[pairs + 1]))) if len(pairs) else np.nan

    @property
    def optimum(self) -> float:
        """The step at which the theory's two lines give the smallest sum; nan without rounding."""
        if not self.rounding:
            return np.nan
        return (self.rounding / (self.order * self.truncation)) ** (1 / (self.order + 1))

    @property
    def best(self) -> float:
        """The step with the smallest error seen."""
        return float(STEPS[np.argmin(self.errors)])


def step_sizes(f: Function, params: Any, *, holomorphic: Function) -> list[StepSizes]:
    """Return the errors of one-sided and central differences, Richardson's and the complex step at each of `STEPS`.

    ``f`` and ``holomorphic`` as in `nets.gradcheck.checks.compare_gradients`; ValueError as there.
    """
    with jax.enable_x64(True):
        blocks = Blocks.of(params)
        at = blocks.function("f", f)
        complex_at = blocks.function("holomorphic", holomorphic, dtype=jnp.complex128)
        value = finite("f", jax.jit(at)(blocks.theta))
        everywhere = np.arange(len(blocks.theta))
        exact = np.asarray(jax.jit(jax.grad(at))(blocks.theta))
        size = np.linalg.norm(exact)
        rounding = float(
            derivatives.EPS * abs(value) * np.linalg.norm(1 / np.asarray(derivatives.scale(blocks.theta))) / size
        )
        error = derivatives.EPS * abs(value)
        made = []
        near = derivatives.Values(at, blocks.theta)  # compiled once for all steps
        at_complex = jax.jit(lambda step: derivatives.complex_step(complex_at, blocks.theta, everywhere, step).value)
        for name, order, way in [
            ("one-sided", 1, lambda h: derivatives.one_sided(near, blocks.theta, everywhere, error, h).value),
            ("central", 2, lambda h: derivatives.central(near, blocks.theta, everywhere, error, h).value),
            (
                "Richardson",
                6,
                lambda h: derivatives.richardson(near, blocks.theta, everywhere, error, h, tries=1).value,
            ),
            ("complex step", 2, at_complex),
        ]:
            values = np.array([way(step) for step in STEPS])
            errors = np.linalg.norm(values - exact, axis=1) / size
            made.append(
                StepSizes(
                    name=name,
                    errors=errors,
                    order=order,
                    truncation=_constant(errors, order),
                    rounding=0.0 if name == "complex step" else rounding,
                )
            )
    return made


def _constant(errors: NDArray[np.float64], order: int) -> float:
    """Return C where error = C h^p: at h = 1/16, small enough for the series and large enough for rounding."""
    return float(errors[3] / STEPS[3] ** order)
