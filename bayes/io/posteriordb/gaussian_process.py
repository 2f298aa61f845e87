"""posteriordb's Gaussian process regression: the posterior of the kernel's hyperparameters."""

from collections.abc import Mapping
from math import lgamma, log, pi
from typing import Any

import numpy as np

from bayes.exact.gaussian_process import GaussianProcess
from bayes.exact.scale_priors import ScalePrior
from bayes.io.posteriordb.known import Built, Known


def _gp_regr(data: Mapping[str, Any]) -> Built:
    """Return the posterior of rho, alpha and sigma, which is the variance of the noise, not its sd.

    The covariance of y is alpha^2 exp(-(x_i - x_j)^2 / (2 rho^2)), plus sigma on the diagonal.
    """
    y = np.array(data["y"], dtype=float)
    model = GaussianProcess(
        inputs=data["x"],
        rho_prior=ScalePrior("gamma", 25, 4),
        alpha_prior=ScalePrior("half_normal", 2),
        noise_variance_prior=ScalePrior("half_normal", 1),
    )
    # gamma(25, 4) without 25 log 4 - log Gamma(25); normal(0, 2) and normal(0, 1) without their constants, and on the
    # positive half; the normal of y without -n/2 log(2 pi)
    dropped = 25 * log(4) - lgamma(25) + 2 * (log(2) - log(2 * pi) / 2) - log(2) - len(y) / 2 * log(2 * pi)
    elements = {"rho": ("rho", ()), "alpha": ("alpha", ()), "sigma": ("noise_variance", ())}
    return Built(model=model, y=y, elements=elements, dropped=dropped)


KNOWN: dict[str, Known] = {
    "gp_regr": Known(
        how="function integrated out by formula, then quadrature over length-scale, sd and noise variance",
        dimension=3,
        program_sha256="bfbba64339a06d6ca5e0619aa0e3bffee2865504ee00768dd999066182db9873",
        build=_gp_regr,
    ),
}
