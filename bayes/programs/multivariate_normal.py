"""The multivariate normal model with known covariance, as a PyMC program."""

import pymc as pm
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.multivariate_normal import MultivariateNormal


def program(exact: MultivariateNormal, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n, K)."""
    with pm.Model() as model:
        mu = pm.MvNormal("mu", mu=exact.prior_mean, cov=exact.prior_covariance)
        rows = validate.rows(y, len(exact.prior_mean))
        pm.MvNormal("y", mu=mu, cov=exact.noise_covariance, observed=rows)
    return model
