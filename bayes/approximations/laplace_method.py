"""Laplace's method: the normal whose mode and curvature are those of the posterior, on the unconstrained space.

With z^ the mode of p~ and H the Hessian of log p~ there::

    q(z) = Normal(z^, Sigma),    Sigma = (-H)^-1

(MacKay 2003, "Information Theory, Inference, and Learning Algorithms", eq. 27.5 and 27.6, and section 27.1 on the
choice of the space.) It is exact if the posterior is normal on the unconstrained space.
"""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from bayes.approximations.results import Approximation, normal_approximation, require_numbers
from bayes.approximations.unconstrained import Unconstrained, unconstrained_posterior
from closedform.validation import shown

type Array = NDArray[np.float64]

NEWTON_STEPS = 5
"""Newton's method from where the minimiser stopped: each step doubles the digits of the mode."""
DISTANCE_FROM_MODE = 1e-8
"""The last Newton step of a mode, in sds of the approximation. A larger one is refused."""


def laplace(model: pm.Model | Unconstrained, *, seed: int, draws: int = 10_000) -> Approximation:
    """Approximate the posterior of ``model`` by Laplace's method.

    The mode is by scipy's trust-region method from PyMC's initial point, and then by Newton's method.

    Parameters
    ----------
    model
        A PyMC model whose free variables are continuous, or its ``unconstrained_posterior``.
    seed
        Seed of the draws. The fit is not random.
    draws
        Number of independent draws, 100 or more.

    Returns
    -------
    bayes.approximations.results.Approximation
        With the name ``"laplace"``.

    Raises
    ------
    ValueError
        If no mode was found, or if the log density is not curved downwards there in every direction. If a free
        variable is discrete. If ``seed`` or ``draws`` is not valid.

    Examples
    --------
    >>> from bayes.registry import get_model
    >>> result = laplace(get_model("normal_normal").program(), seed=0)
    >>> round(float(result.mean[0]), 6), round(float(result.covariance[0, 0]), 6)
    (2.08662, 0.070423)
    """
    started = perf_counter()
    require_numbers(seed, draws)
    target = unconstrained_posterior(model)
    mode, covariance = mode_and_covariance(target)
    result = normal_approximation(
        "laplace",
        target,
        mean=mode,
        covariance=covariance,
        mode=mode,
        rng=np.random.default_rng(seed),
        draws=draws,
        attrs={"engine": "laplace", "seed": seed},
    )
    return replace(result, seconds=perf_counter() - started)


def mode_and_covariance(target: Unconstrained) -> tuple[Array, Array]:
    """Return the mode z^ of ``target``, (D,), and (-H)^-1 there, (D, D). Raises ValueError as ``laplace`` does."""
    found = minimize(
        lambda z: -float(target.log_density(z[None])[0]),
        target.initial_point,
        jac=lambda z: -target.gradient(z[None])[0],
        hess=lambda z: -target.hessian(z[None])[0],
        method="trust-exact",
    )
    z = found.x
    step = np.full(target.size, np.inf)
    L = np.eye(target.size)
    for _ in range(NEWTON_STEPS):
        L = _root(-target.hessian(z[None])[0], z)
        step = cho_solve((L, True), target.gradient(z[None])[0])
        z = z + step
    distance = float(np.linalg.norm(L.T @ step))  # sqrt(step' (-H) step)
    if not distance < DISTANCE_FROM_MODE:
        raise ValueError(
            f"`model` has no mode that was found: the last Newton step is {distance:.2g} sd, at z = "
            f"{shown(z.round(3).tolist())}; a posterior without a mode has no Laplace approximation: use `pathfinder`."
        )
    return z, cho_solve((_root(-target.hessian(z[None])[0], z), True), np.eye(target.size))


def _root(precision: Array, z: Array) -> Array:
    """Return the Cholesky factor of -H, or raise ValueError if it is not positive definite."""
    if np.isfinite(precision).all():
        smallest = float(np.linalg.eigvalsh(precision)[0])
        if smallest > 0:
            return np.linalg.cholesky(precision)
    else:
        smallest = np.nan
    raise ValueError(
        f"`model` must have a negative definite Hessian at its mode, got -H with the smallest eigenvalue {smallest:.2g}"
        f" at z = {shown(z.round(3).tolist())}; reparametrise the model, or use `pathfinder`."
    )
