"""Laplace's method: the posterior as a normal at its mode, on the unconstrained space.

    log Z = log p~(m) + D/2 log 2 pi - 1/2 log |H|,    H = - d^2 log p~ / dx^2 at the mode m

(Tierney and Kadane 1986, "Accurate approximations for posterior moments and marginal densities"). The error is of order
1/n in the number of observations, it depends on the parametrisation, and nothing here measures it, so none is claimed.
"""

from math import log, nan, pi

import numpy as np
from scipy.linalg import LinAlgError, cholesky
from scipy.optimize import minimize

from bayes.evidence.results import EvidenceEstimate
from bayes.evidence.targets import Target

STATIONARY = 1e-3
"""Largest distance of a place from the mode, in posterior sds by the normal approximation, at which it is the mode."""


def laplace(target: Target) -> EvidenceEstimate:
    """Approximate the log evidence by Laplace's method.

    Raises
    ------
    ValueError
        If the derivatives of ``target`` are not known, if no mode is found, or if the Hessian is not negative definite.
    """
    if target.gradient is None or target.hessian is None or target.start is None:
        raise ValueError("`method` 'laplace' needs `gradient`, `hessian` and `start` of the target; give all three.")
    gradient = target.gradient
    found = minimize(
        lambda x: -float(target.log_density(x[None])[0]), target.start, jac=lambda x: -gradient(x), method="BFGS"
    )
    mode = found.x
    precision = -target.hessian(mode)
    try:
        factor = cholesky(precision, lower=True)
    except (LinAlgError, ValueError) as error:
        raise ValueError(
            "`model` has no normal approximation: the Hessian of its log density is not negative definite where the "
            "search for the mode ended; use method='bridge'."
        ) from error
    distance = float(np.linalg.norm(np.linalg.solve(factor, gradient(mode))))
    if not distance < STATIONARY:
        raise ValueError(
            f"`model` has no mode that was found: the search ended {distance:.2g} posterior sds away, after "
            f"{found.nit} steps; use method='bridge'."
        )
    log_volume = float(np.sum(np.log(np.diag(factor))))  # 1/2 log |H|
    return EvidenceEstimate(
        log_evidence=float(target.log_density(mode[None])[0]) + target.dimension / 2 * log(2 * pi) - log_volume,
        standard_error=nan,
        method="laplace",
        evaluations=int(found.nfev) + 1,
        notes=target.notes,
    )
