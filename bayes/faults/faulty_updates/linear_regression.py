"""Mistakes about coefficients and noise."""

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from scipy.stats import invgamma

from bayes.faults.faulty_updates.updates import (
    HUGE,
    TINY,
    WITHOUT_LAST,
    Array,
    Mistake,
    PosteriorSampler,
    diagonal,
    permuted,
    permuted_element,
    with_conditional_sd,
    with_hyperparameters,
)


def unscaled_covariance(exact: Any, y: Array) -> PosteriorSampler:
    """Return the posterior of the regression with beta ~ Normal(m0, V0), sigma2 on a fine grid of its prior."""
    X, m0, V0 = exact.design[: len(y)], exact.prior_mean, exact.prior_covariance
    sigma2 = invgamma(exact.shape, scale=exact.scale).ppf((np.arange(4000) + 0.5) / 4000)
    # y ~ Normal(X m0, sigma2 I + X V0 X'), by its eigenvectors
    roots, U = np.linalg.eigh(X @ V0 @ X.T)
    variances = roots + sigma2[:, None]
    log_weights = -np.sum(np.log(variances) + (U.T @ (y - X @ m0)) ** 2 / variances, axis=1) / 2
    weights = np.exp(log_weights - log_weights.max())

    def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
        s2 = rng.choice(sigma2, size=size, p=weights / weights.sum())
        V = np.linalg.inv(np.linalg.inv(V0) + X.T @ X / s2[:, None, None])
        m = np.einsum("sij,sj->si", V, np.linalg.solve(V0, m0) + X.T @ y / s2[:, None])
        step = np.einsum("sij,sj->si", np.linalg.cholesky(V), rng.standard_normal((size, len(m0))))
        return {"beta": m + step, "sigma2": s2}

    return PosteriorSampler(draw)


def _repeated(exact: Any, y: Array) -> Any:
    """Return the regression's posterior with every row and observation twice."""
    design = np.tile(exact.design[: len(y)], (2, 1))
    return replace(exact, design=design).posterior(np.tile(y, 2))


def _fit(e: Any, y: Array) -> float:
    """Return half of |y - X m_n|^2."""
    return float(np.sum((y - e.design[: len(y)] @ e.posterior(y).m) ** 2)) / 2


MISTAKES: dict[str, Mistake] = {
    "prior of beta forgotten": with_hyperparameters(prior_covariance=lambda e: HUGE * np.eye(len(e.prior_mean))),
    "prior of sigma2 forgotten": with_hyperparameters(shape=TINY, scale=TINY),
    "prior mean 0": with_hyperparameters(prior_mean=lambda e: 0 * e.prior_mean),
    "V0 without correlation": with_hyperparameters(prior_covariance=lambda e: diagonal(e.prior_covariance)),
    "prior sds for variances": with_hyperparameters(prior_covariance=lambda e: np.sqrt(diagonal(e.prior_covariance))),
    "prior precision for covariance": with_hyperparameters(
        prior_covariance=lambda e: np.linalg.inv(e.prior_covariance)
    ),
    "V0 not scaled by sigma2": unscaled_covariance,
    "rate for scale": with_hyperparameters(scale=lambda e: 1 / e.scale),
    "n for n/2": lambda e, y: replace(e.posterior(y), a=e.shape + len(y)),
    "n - P for n": lambda e, y: replace(e.posterior(y), a=e.shape + (len(y) - len(e.prior_mean)) / 2),
    "b_n without the distance from m0": lambda e, y: replace(e.posterior(y), b=e.scale + _fit(e, y)),
    "b_n without its half": lambda e, y: replace(e.posterior(y), b=2 * e.posterior(y).b - e.scale),
    "variance for sd of beta": with_conditional_sd("beta", lambda _, sigma2: sigma2),
    "V_n not scaled by sigma2": with_conditional_sd("beta", lambda *_: 1.0),
    "coefficients independent": lambda e, y: replace(e.posterior(y), V=diagonal(e.posterior(y).V)),
    "data counted twice": _repeated,
    "n - 1 for n": WITHOUT_LAST,
    "mean of sigma2 for sigma2": with_conditional_sd("beta", lambda joint, _: sqrt(joint.b / (joint.a - 1))),
    "sigma2 in another order": permuted("sigma2"),
    "one coefficient in another order": permuted_element("beta", 1),
    "every column in another order": permuted("beta", "sigma2"),
}
