"""Mistakes about a normal's mean and variance."""

from dataclasses import replace
from math import sqrt

import numpy as np

from bayes.faults.faulty_updates.updates import (
    AVERAGE_AS_ONE,
    DATA_TWICE,
    TINY,
    Mistake,
    permuted,
    with_conditional_sd,
    with_hyperparameters,
)

MISTAKES: dict[str, Mistake] = {
    "prior of mu forgotten": with_hyperparameters(prior_count=TINY),
    "prior of sigma2 forgotten": with_hyperparameters(shape=TINY, scale=TINY),
    "prior mean 0": with_hyperparameters(prior_mean=0.0),
    "prior mean 10": with_hyperparameters(prior_mean=10.0),
    "prior variance for count": with_hyperparameters(prior_count=lambda e: 1 / e.prior_count),
    "rate for scale": with_hyperparameters(scale=lambda e: 1 / e.scale),
    "n for n/2": lambda e, y: replace(e, shape=e.shape + len(y) / 2).posterior(y),
    "n - 1 for n": lambda e, y: replace(e.posterior(y), a=e.shape + (len(y) - 1) / 2),
    "n + 1 for n": lambda e, y: replace(e.posterior(y), a=e.shape + (len(y) + 1) / 2),
    "b_n without the distance of the means": lambda e, y: replace(
        e.posterior(y), b=e.scale + float(np.sum((y - y.mean()) ** 2)) / 2
    ),
    "b_n with half the distance of the means": lambda e, y: replace(
        e.posterior(y), b=(e.posterior(y).b + e.scale + float(np.sum((y - y.mean()) ** 2)) / 2) / 2
    ),
    "squares about the prior mean": lambda e, y: replace(
        e.posterior(y), b=e.scale + float(np.sum((y - e.prior_mean) ** 2)) / 2
    ),
    "n for k_n": lambda e, y: replace(e.posterior(y), k=len(y)),
    "sigma2 not divided by k_n": lambda e, y: replace(e.posterior(y), k=1),
    "variance for sd of mu": with_conditional_sd("mu", lambda joint, sigma2: sigma2 / sqrt(joint.k)),
    "mean of the data": lambda e, y: replace(e.posterior(y), m=float(y.mean())),
    "data counted twice": DATA_TWICE,
    "average as one observation": AVERAGE_AS_ONE,
    "mean of sigma2 for sigma2": with_conditional_sd("mu", lambda joint, _: sqrt(joint.b / (joint.a - 1))),
    "sigma2 in another order": permuted("sigma2"),
}
