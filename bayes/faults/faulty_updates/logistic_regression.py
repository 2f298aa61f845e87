"""Mistakes about the coefficients of a logistic regression."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import norm

from bayes.exact.logistic_regression import Joint, LogisticRegression
from bayes.faults.faulty_updates.updates import (
    WITHOUT_LAST,
    Array,
    Mistake,
    PosteriorSampler,
    permuted,
    permuted_element,
    with_data,
    with_hyperparameters,
)

GRID = 400
"""Places in each coefficient of the grid that a wrong likelihood is drawn from."""


def _twice(exact: LogisticRegression, y: Array) -> Joint:
    """Return the posterior with every row and observation twice."""
    return replace(exact, design=np.tile(exact.design[: len(y)], (2, 1))).posterior(np.tile(y, 2))


def with_probability(log_p: Callable[[Array], Array]) -> Mistake:
    """Return the posterior with another probability of 1, whose log is ``log_p(eta)``, and that of 0 at -eta."""

    def faulty_posterior(exact: LogisticRegression, y: Array) -> PosteriorSampler:
        joint = exact.posterior(y)
        reach = 7 * np.sqrt(np.diag(joint.covariance))
        axes = [np.linspace(m - r, m + r, GRID) for m, r in zip(joint.mode, reach, strict=True)]
        beta = np.array(np.meshgrid(*axes, indexing="ij")).reshape(2, -1)
        log_f = exact.log_prior(*beta)
        for x, value in zip(exact.design, y, strict=False):
            log_f = log_f + log_p((1 if value else -1) * (x @ beta))
        weights = np.exp(log_f - log_f.max())

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            place = rng.choice(weights.size, size=size, p=weights / weights.sum())
            jitter = rng.uniform(-1, 1, (size, 2)) * reach / (GRID - 1)
            return {"beta": beta[:, place].T + jitter}

        return PosteriorSampler(draw)

    return faulty_posterior


def laplace(exact: LogisticRegression, y: Array) -> PosteriorSampler:
    """Return the normal approximation at the mode."""
    joint = exact.posterior(y)
    return PosteriorSampler(
        lambda size, rng: {"beta": rng.multivariate_normal(joint.mode, joint.covariance, size=size)}
    )


MISTAKES: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(prior_sds=[50.0, 50.0]),
    "prior mean 0": with_hyperparameters(prior_mean=[0.0, 0.0]),
    "prior variances as sds": with_hyperparameters(prior_sds=lambda e: e.prior_sds**2),
    "prior sds as precisions": with_hyperparameters(prior_sds=lambda e: e.prior_sds**-0.5),
    "prior means swapped": with_hyperparameters(prior_mean=lambda e: e.prior_mean[::-1]),
    "one prior for both": with_hyperparameters(prior_mean=lambda e: np.full(2, e.prior_mean.mean())),
    "classes swapped": with_data(lambda y: 1 - y),
    "probit for logit": with_probability(norm.logcdf),
    "predictor not centred": with_hyperparameters(design=lambda e: e.design + np.array([0.0, 1.0])),
    "columns swapped": with_hyperparameters(design=lambda e: e.design[:, ::-1]),
    "no intercept": with_hyperparameters(design=lambda e: e.design * np.array([0.0, 1.0])),
    "data counted twice": _twice,
    "n - 1 for n": WITHOUT_LAST,
    "normal approximation at the mode": laplace,
    "one coefficient in another order": permuted_element("beta", 1),
    "every column in another order": permuted("beta"),
}
