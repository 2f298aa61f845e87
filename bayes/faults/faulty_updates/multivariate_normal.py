"""Mistakes about a mean vector."""

from dataclasses import replace

import numpy as np

from bayes.faults.faulty_updates.updates import (
    AVERAGE_AS_ONE,
    DATA_TWICE,
    HUGE,
    WITHOUT_LAST,
    Mistake,
    diagonal,
    permuted,
    with_hyperparameters,
)

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(prior_covariance=lambda e: HUGE * np.eye(len(e.prior_mean))),
    "prior mean 0": with_hyperparameters(prior_mean=lambda e: 0 * e.prior_mean),
    "prior mean reversed": with_hyperparameters(prior_mean=lambda e: e.prior_mean[::-1]),
    "prior covariance without correlation": with_hyperparameters(
        prior_covariance=lambda e: diagonal(e.prior_covariance)
    ),
    "noise covariance without correlation": with_hyperparameters(
        noise_covariance=lambda e: diagonal(e.noise_covariance)
    ),
    "prior sds for variances": with_hyperparameters(prior_covariance=lambda e: np.sqrt(diagonal(e.prior_covariance))),
    "prior precision for covariance": with_hyperparameters(
        prior_covariance=lambda e: np.linalg.inv(e.prior_covariance)
    ),
    "noise precision for covariance": with_hyperparameters(
        noise_covariance=lambda e: np.linalg.inv(e.noise_covariance)
    ),
    "covariances swapped": with_hyperparameters(
        prior_covariance=lambda e: e.noise_covariance, noise_covariance=lambda e: e.prior_covariance
    ),
    "mean of the data": lambda e, y: replace(e.posterior(y), mean=y.mean(axis=0)),
    "elements independent": lambda e, y: replace(e.posterior(y), covariance=diagonal(e.posterior(y).covariance)),
    "mean field": lambda e, y: replace(
        e.posterior(y), covariance=np.linalg.inv(diagonal(np.linalg.inv(e.posterior(y).covariance)))
    ),
    "average as one observation": AVERAGE_AS_ONE,
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
    "every element in another order": permuted("mu"),
}
