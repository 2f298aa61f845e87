"""The Gaussian process as a PyMC program, with the function integrated out."""

import pymc as pm
import pytensor.tensor as pt
from numpy import eye
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.gaussian_process import GaussianProcess
from bayes.programs.scale_priors import scale_variable


def program(exact: GaussianProcess, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,), n up to N."""
    with pm.Model() as model:
        y = validate.observations(y)
        rho = scale_variable("rho", exact.rho_prior)
        alpha = scale_variable("alpha", exact.alpha_prior)
        noise_variance = scale_variable("noise_variance", exact.noise_variance_prior)
        squares = (exact.inputs[: len(y), None] - exact.inputs[: len(y)]) ** 2
        covariance = alpha**2 * pt.exp(-squares / (2 * rho**2)) + noise_variance * eye(len(y))
        pm.MvNormal("y", mu=pt.zeros(len(y)), cov=covariance, observed=y)
    return model
