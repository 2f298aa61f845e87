"""Linear regression with a prior of each coefficient, independent of the noise, as a PyMC program."""

import numpy as np
import pymc as pm
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.independent_regression import IndependentRegression
from bayes.programs.scale_priors import scale_variable


def program(exact: IndependentRegression, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to N."""
    proper = np.isfinite(exact.prior_sds)
    with pm.Model() as model:
        noise_sd = scale_variable("noise_sd", exact.noise_prior)
        if proper.all():
            beta = pm.Normal("beta", mu=exact.prior_mean, sigma=exact.prior_sds)
        else:
            beta = pm.Flat("beta", shape=len(proper))
            priors = pm.Normal.dist(exact.prior_mean[proper], exact.prior_sds[proper])
            pm.Potential("prior", pm.logp(priors, beta[proper]).sum())
        y = validate.observations(y)
        pm.Normal("y", mu=exact.design[: len(y)] @ beta, sigma=noise_sd, observed=y)
    return model
