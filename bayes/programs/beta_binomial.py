"""The beta-binomial model as a PyMC program."""

import pymc as pm
from numpy import float64, int64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.beta_binomial import BetaBinomial


def program(exact: BetaBinomial, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n,)."""
    with pm.Model() as model:
        theta = pm.Beta("theta", alpha=float64(exact.successes), beta=float64(exact.failures))
        pm.Binomial("y", n=int64(exact.trials), p=theta, observed=validate.counts(y, exact.trials))
    return model
