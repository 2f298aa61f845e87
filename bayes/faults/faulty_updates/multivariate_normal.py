"""Mistakes about a mean vector."""

from dataclasses import replace

import numpy as np

from bayes.faults.faulty_updates.updates import (
    AVERAGE_ALONE,
    HUGE,
    LAST_LEFT_OUT,
    TWICE,
    Mistake,
    diagonal,
    in_other_orders,
    told,
)

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": told(prior_covariance=lambda e: HUGE * np.eye(len(e.prior_mean))),
    "prior mean 0": told(prior_mean=lambda e: 0 * e.prior_mean),
    "prior mean reversed": told(prior_mean=lambda e: e.prior_mean[::-1]),
    "prior covariance without correlation": told(prior_covariance=lambda e: diagonal(e.prior_covariance)),
    "noise covariance without correlation": told(noise_covariance=lambda e: diagonal(e.noise_covariance)),
    "prior sds for variances": told(prior_covariance=lambda e: np.sqrt(diagonal(e.prior_covariance))),
    "prior precision for covariance": told(prior_covariance=lambda e: np.linalg.inv(e.prior_covariance)),
    "noise precision for covariance": told(noise_covariance=lambda e: np.linalg.inv(e.noise_covariance)),
    "covariances swapped": told(
        prior_covariance=lambda e: e.noise_covariance, noise_covariance=lambda e: e.prior_covariance
    ),
    "mean of the data": lambda e, y: replace(e.posterior(y), mean=y.mean(axis=0)),
    "elements independent": lambda e, y: replace(e.posterior(y), covariance=diagonal(e.posterior(y).covariance)),
    "mean field": lambda e, y: replace(
        e.posterior(y), covariance=np.linalg.inv(diagonal(np.linalg.inv(e.posterior(y).covariance)))
    ),
    "average as one observation": AVERAGE_ALONE,
    "data counted twice": TWICE,
    "n - 1 for n": LAST_LEFT_OUT,
    "every element in another order": in_other_orders("mu"),
}
