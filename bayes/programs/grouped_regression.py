"""Regression with groups as a PyMC program, with each group by its distance from the mean in units of group_sd."""

import numpy as np
import pymc as pm
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.grouped_regression import GroupedRegression
from bayes.programs.scale_priors import scale_variable


def program(exact: GroupedRegression, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to N."""
    with pm.Model() as model:
        y = validate.observations(y)
        F, groups, v = exact.design[: len(y)], exact.groups[: len(y)], exact.varying
        group_sd = scale_variable("group_sd", exact.group_prior)
        noise_sd = scale_variable("noise_sd", exact.noise_prior)
        if np.all(np.isfinite(exact.prior_sd)):
            beta = pm.Normal("beta", mu=exact.prior_mean, sigma=exact.prior_sd)
        else:
            beta = pm.Flat("beta", shape=len(exact.prior_mean))
            proper = np.flatnonzero(np.isfinite(exact.prior_sd))
            prior = pm.Normal.dist(exact.prior_mean[proper], exact.prior_sd[proper])
            pm.Potential("prior of beta", pm.logp(prior, beta[proper]))
        distance = pm.Normal("distance", shape=exact.group_count)
        # With theta as the free variable the posterior is a funnel, and NUTS does not get into its neck.
        pm.Deterministic("theta", beta[v] + group_sd * distance)
        mean = pm.math.dot(F, beta) + F[:, v] * group_sd * distance[groups]
        pm.Normal("y", mu=mean, sigma=noise_sd, observed=y)
    return model
