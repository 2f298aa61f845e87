"""The Dirichlet-multinomial model as a PyMC program."""

import pymc as pm
from numpy import int64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.dirichlet_multinomial import DirichletMultinomial


def program(exact: DirichletMultinomial, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n, K)."""
    # A Python int that fits in int16 becomes an int16 constant in PyTensor, and its log gamma is a float32.
    with pm.Model() as model:
        p = pm.Dirichlet("p", a=exact.concentration)
        counts = validate.rows(y, len(exact.concentration)).astype(int64)
        pm.Multinomial("y", n=int64(exact.trials), p=p, observed=counts)
    return model
