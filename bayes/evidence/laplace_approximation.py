"""Laplace's method: the posterior as a normal at its mode, on the unconstrained space.

    log Z = log p~(m) + D/2 log 2 pi - 1/2 log |H|,    H = - d^2 log p~ / dx^2 at the mode m

(Tierney and Kadane 1986, "Accurate approximations for posterior moments and marginal densities"). The error is of order
1/n in the number of observations, it depends on the parametrisation, and nothing here measures it, so none is claimed.
"""

from math import log, nan, pi

import numpy as np

from bayes.evidence.results import EvidenceEstimate
from bayes.evidence.targets import Target
from bayes.sampling.modes import Mode, mode


def laplace(target: Target) -> EvidenceEstimate:
    """Approximate the log evidence by Laplace's method.

    Raises
    ------
    ValueError
        If the derivatives of ``target`` are not known, or if no mode is found (``bayes.sampling.modes``).
    """
    m = mode_of(target, "laplace")
    log_volume = float(np.sum(np.log(np.diag(m.factor))))  # 1/2 log |H|
    return EvidenceEstimate(
        log_evidence=float(target.log_density(m.point[None])[0]) + target.dimension / 2 * log(2 * pi) - log_volume,
        standard_error=nan,
        method="laplace",
        evaluations=m.evaluations + 1,
        notes=target.notes,
    )


def mode_of(target: Target, method: str) -> Mode:
    """Return the mode of ``target``, for ``method``. Raises ValueError as above."""
    if target.gradient is None or target.hessian is None or target.start is None:
        raise ValueError(f"`method` {method!r} needs `gradient`, `hessian` and `start` of the target; give all three.")
    return mode(
        lambda x: float(target.log_density(x[None])[0]),
        target.gradient,
        target.hessian,
        target.start,
        otherwise="use method='bridge'",
    )
