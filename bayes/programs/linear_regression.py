"""Bayesian linear regression with unknown noise, as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.linear_regression import LinearRegression


def program(exact: LinearRegression, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to N."""
    with pm.Model() as model:
        sigma2 = pm.InverseGamma("sigma2", alpha=float64(exact.shape), beta=float64(exact.scale))
        beta = pm.MvNormal("beta", mu=exact.prior_mean, cov=sigma2 * exact.prior_covariance)
        y = validate.observations(y)
        pm.Normal("y", mu=exact.design[: len(y)] @ beta, sigma=sigma2**0.5, observed=y)
    return model
