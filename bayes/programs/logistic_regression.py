"""Logistic regression with two coefficients, as a PyMC program."""

import numpy as np
import pymc as pm
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.logistic_regression import LogisticRegression


def program(exact: LogisticRegression, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to N."""
    flat = np.isinf(exact.prior_sds)
    with pm.Model() as model:
        y = validate.counts(y, largest=1)
        if flat.any():
            beta = pm.Flat("beta", shape=2)
            for k in np.flatnonzero(~flat):
                prior = pm.Normal.dist(mu=exact.prior_mean[k], sigma=exact.prior_sds[k])
                pm.Potential(f"prior of beta[{k}]", pm.logp(prior, beta[k]))
        else:
            beta = pm.Normal("beta", mu=exact.prior_mean, sigma=exact.prior_sds, shape=2)
        pm.Bernoulli("y", logit_p=exact.design[: len(y)] @ beta, observed=y)
    return model
