"""Targets and approximations made by hand, for the tests."""

import numpy as np
import pymc as pm

from bayes.approximations.results import normal_approximation
from bayes.approximations.unconstrained import unconstrained_posterior


def normal_program(mean, covariance):
    """A PyMC model whose posterior, up to a constant, is Normal(mean, covariance) of x; its evidence is 1."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=len(mean))
        pm.Potential("density", pm.logp(pm.MvNormal.dist(np.asarray(mean), np.asarray(covariance)), x))
    return model


def approximation(program, mean, covariance, *, draws=4000, seed=0):
    """Normal(mean, covariance) on the unconstrained space as an approximation of the posterior of ``program``."""
    return normal_approximation(
        "made",
        unconstrained_posterior(program),
        mean=np.asarray(mean, dtype=float),
        covariance=np.asarray(covariance, dtype=float),
        rng=np.random.default_rng(seed),
        draws=draws,
        attrs={},
    )
