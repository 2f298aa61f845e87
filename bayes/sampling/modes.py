"""The mode of a density on the unconstrained space, and its curvature there: what Laplace's method is made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from closedform.validation import shown

type Array = NDArray[np.float64]

NEWTON_STEPS = 5
"""Newton's method from where the minimiser stopped: each step doubles the digits of the mode."""
DISTANCE_FROM_MODE = 1e-8
"""The last Newton step of a mode, in sds of the normal approximation. A larger one is refused."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mode:
    """A mode z^ with -H = L L^T, where H is the Hessian of the log density there."""

    point: Array
    """z^, (D,)."""
    factor: Array
    """The Cholesky factor L of -H, (D, D)."""
    evaluations: int
    """Number of points at which the log density was evaluated."""

    @property
    def covariance(self) -> Array:
        """Return (-H)^-1, (D, D)."""
        return cho_solve((self.factor, True), np.eye(len(self.point)))


def mode(
    log_density: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    hessian: Callable[[Array], Array],
    start: Array,
    otherwise: str,
) -> Mode:
    """Return the mode of a density, by SciPy's trust-region method and then by Newton's.

    Parameters
    ----------
    log_density, gradient, hessian
        Functions of one point (D,): the log density in nats, and its derivatives (D,) and (D, D).
    start
        A point (D,) where the log density is finite.
    otherwise
        What to do if there is no mode, as the end of a sentence.

    Raises
    ------
    ValueError
        If the log density is not finite at ``start``, if no mode was found, or if the log density is not curved
        downwards there in every direction.
    """
    first = log_density(start)
    if not np.isfinite(first):
        raise ValueError(
            f"`model` must have a finite log density where the search for its mode begins, got {first} at z = "
            f"{_rounded(start)}; give its variables initial values inside their support, or {otherwise}."
        )

    def height(z: Array) -> float:
        value = -log_density(z)
        return np.inf if np.isnan(value) else value  # a step to nowhere, which the trust region refuses

    found = minimize(height, start, jac=lambda z: -gradient(z), hess=lambda z: -hessian(z), method="trust-exact")
    z = found.x
    step, L = np.full(len(z), np.inf), np.eye(len(z))
    for _ in range(NEWTON_STEPS):
        L = _root(-hessian(z), z, otherwise)
        step = cho_solve((L, True), gradient(z))
        z = z + step
    distance = float(np.linalg.norm(L.T @ step))  # sqrt(step' (-H) step)
    if not distance < DISTANCE_FROM_MODE:
        raise ValueError(
            f"`model` has no mode that was found: the last Newton step is {distance:.2g} sd, at z = {_rounded(z)}; a "
            f"posterior without a mode has no Laplace approximation: {otherwise}."
        )
    return Mode(point=z, factor=_root(-hessian(z), z, otherwise), evaluations=int(found.nfev) + 1)


def _root(precision: Array, z: Array, otherwise: str) -> Array:
    """Return the Cholesky factor of -H, or raise ValueError if it is not positive definite."""
    smallest = float(np.linalg.eigvalsh(precision)[0]) if np.isfinite(precision).all() else np.nan
    if smallest > 0:
        return np.linalg.cholesky(precision)
    raise ValueError(
        f"`model` must have a negative definite Hessian at its mode, got -H with the smallest eigenvalue {smallest:.2g}"
        f" at z = {_rounded(z)}; reparametrise the model, or {otherwise}."
    )


def _rounded(z: Array) -> str:
    return shown(z.round(3).tolist())
