"""Mistakes about a normal mean."""

from math import sqrt

from scipy.stats import norm

from bayes.faults.faulty_updates.updates import (
    AVERAGE_AS_ONE,
    DATA_TWICE,
    HUGE,
    WITHOUT_LAST,
    Mistake,
    with_hyperparameters,
)

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(prior_sd=HUGE),
    "prior mean 0": with_hyperparameters(prior_mean=0.0),
    "prior mean 10": with_hyperparameters(prior_mean=10.0),
    "prior variance as sd": with_hyperparameters(prior_sd=lambda e: e.prior_sd**2),
    "prior sd as precision": with_hyperparameters(prior_sd=lambda e: e.prior_sd**-0.5),
    "prior precision as sd": with_hyperparameters(prior_sd=lambda e: e.prior_sd**-2),
    "noise variance as sd": with_hyperparameters(noise_sd=lambda e: e.noise_sd**2),
    "noise sd as precision": with_hyperparameters(noise_sd=lambda e: e.noise_sd**-0.5),
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
    "average as one observation": AVERAGE_AS_ONE,
    "prior as one more observation": lambda e, y: norm(
        (e.prior_mean + y.sum()) / (len(y) + 1), e.noise_sd / sqrt(len(y) + 1)
    ),
    "mean of the data": lambda e, y: norm(y.mean(), e.posterior(y).std()),
    "sd of the data": lambda e, y: norm(e.posterior(y).mean(), e.noise_sd / sqrt(len(y))),
    "variance for sd": lambda e, y: norm(e.posterior(y).mean(), e.posterior(y).var()),
    "predictive for posterior": lambda e, y: e.predictive(y),
}
