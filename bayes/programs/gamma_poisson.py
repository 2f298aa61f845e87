"""The gamma-Poisson model as a PyMC program."""

import pymc as pm
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.gamma_poisson import GammaPoisson


def program(exact: GammaPoisson, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    with pm.Model() as model:
        rate = pm.Gamma("rate", alpha=float64(exact.shape), beta=float64(exact.inverse_scale))
        pm.Poisson("y", mu=rate, observed=validate.counts(y))
    return model
