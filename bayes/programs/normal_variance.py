"""The variance of a normal with known mean, as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.normal_variance import NormalVariance


def program(exact: NormalVariance, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    with pm.Model() as model:
        sigma2 = pm.InverseGamma("sigma2", alpha=float64(exact.shape), beta=float64(exact.scale))
        pm.Normal("y", mu=float64(exact.mean), sigma=sigma2**0.5, observed=validate.observations(y))
    return model
