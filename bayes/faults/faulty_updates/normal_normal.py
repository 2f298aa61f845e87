"""Mistakes about a normal mean."""

from math import sqrt

from scipy.stats import norm

from bayes.faults.faulty_updates.updates import AVERAGE_ALONE, HUGE, LAST_LEFT_OUT, TWICE, Mistake, told

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": told(prior_sd=HUGE),
    "prior mean 0": told(prior_mean=0.0),
    "prior mean 10": told(prior_mean=10.0),
    "prior variance as sd": told(prior_sd=lambda e: e.prior_sd**2),
    "prior sd as precision": told(prior_sd=lambda e: e.prior_sd**-0.5),
    "prior precision as sd": told(prior_sd=lambda e: e.prior_sd**-2),
    "noise variance as sd": told(noise_sd=lambda e: e.noise_sd**2),
    "noise sd as precision": told(noise_sd=lambda e: e.noise_sd**-0.5),
    "data counted twice": TWICE,
    "n - 1 for n": LAST_LEFT_OUT,
    "average as one observation": AVERAGE_ALONE,
    "prior as one more observation": lambda e, y: norm(
        (e.prior_mean + y.sum()) / (len(y) + 1), e.noise_sd / sqrt(len(y) + 1)
    ),
    "mean of the data": lambda e, y: norm(y.mean(), e.posterior(y).std()),
    "sd of the data": lambda e, y: norm(e.posterior(y).mean(), e.noise_sd / sqrt(len(y))),
    "variance for sd": lambda e, y: norm(e.posterior(y).mean(), e.posterior(y).var()),
    "predictive for posterior": lambda e, y: e.predictive(y),
}
