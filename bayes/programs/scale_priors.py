"""Priors of a scale as PyMC variables."""

from typing import Any

import pymc as pm
from numpy import float64

from bayes.exact.scale_priors import ScalePrior


def scale_variable(name: str, prior: ScalePrior) -> Any:
    """Return a PyMC variable with this prior; call it in the context of a model."""
    numbers = [float64(x) for x in prior.numbers]
    match prior.family:
        case "half_normal":
            return pm.HalfNormal(name, sigma=numbers[0])
        case "half_cauchy":
            return pm.HalfCauchy(name, beta=numbers[0])
        case "half_t":
            return pm.HalfStudentT(name, nu=numbers[0], sigma=numbers[1])
        case "gamma":
            return pm.Gamma(name, alpha=numbers[0], beta=numbers[1])
        case "inverse_gamma":
            return pm.InverseGamma(name, alpha=numbers[0], beta=numbers[1])
        case "uniform":
            return pm.Uniform(name, lower=0.0, upper=numbers[0])
    return pm.HalfFlat(name)
