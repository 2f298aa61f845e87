"""The hierarchical normal model as a PyMC program, with each group by its distance from mu in units of tau."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.programs.scale_priors import scale_variable


def program(exact: HierarchicalNormal, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to J."""
    with pm.Model() as model:
        y = validate.observations(y)
        tau = scale_variable("tau", exact.tau_prior)
        mu = pm.Normal("mu", mu=float64(exact.prior_mean), sigma=float64(exact.prior_sd))
        distance = pm.Normal("distance", shape=len(y))
        # With theta as the free variable the posterior is a funnel, and NUTS does not get into its neck.
        theta = pm.Deterministic("theta", mu + tau * distance)
        pm.Normal("y", mu=theta, sigma=exact.noise_sds[: len(y)], observed=y)
    return model
