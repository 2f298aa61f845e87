"""The gamma-exponential model as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.gamma_exponential import GammaExponential


def program(exact: GammaExponential, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    with pm.Model() as model:
        rate = pm.Gamma("rate", alpha=float64(exact.shape), beta=float64(exact.inverse_scale))
        pm.Exponential("y", lam=rate, observed=validate.times(y))
    return model
