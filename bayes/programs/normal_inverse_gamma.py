"""The model of a normal with unknown mean and variance, as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.normal_inverse_gamma import NormalInverseGamma


def program(exact: NormalInverseGamma, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    with pm.Model() as model:
        sigma2 = pm.InverseGamma("sigma2", alpha=float64(exact.shape), beta=float64(exact.scale))
        mu = pm.Normal("mu", mu=float64(exact.prior_mean), sigma=(sigma2 / float64(exact.prior_count)) ** 0.5)
        pm.Normal("y", mu=mu, sigma=sigma2**0.5, observed=validate.observations(y))
    return model
