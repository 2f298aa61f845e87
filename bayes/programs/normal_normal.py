"""The normal-normal model, the mean of a normal with known noise, as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.normal_normal import NormalNormal


def program(exact: NormalNormal, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    # A Python float that fits in float32 becomes a float32 constant in PyTensor, and its logarithm is off by 1e-8.
    with pm.Model() as model:
        mu = pm.Normal("mu", mu=float64(exact.prior_mean), sigma=float64(exact.prior_sd))
        pm.Normal("y", mu=mu, sigma=float64(exact.noise_sd), observed=validate.observations(y))
    return model
