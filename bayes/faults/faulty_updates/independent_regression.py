"""Mistakes about coefficients whose priors do not scale with the noise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.scale_priors import ScalePrior
from bayes.faults.faulty_updates.updates import (
    HUGE,
    WITHOUT_LAST,
    Array,
    Mistake,
    PosteriorSampler,
    permuted,
    permuted_element,
    with_draws,
    with_hyperparameters,
)


def other_prior_of_noise(log_factor: Callable[[ScalePrior, Array], Array]) -> Mistake:
    """Return the posterior with ``log_factor(prior, sigma)`` added to the log prior of the noise sd."""

    class OtherPrior(ScalePrior):
        def logpdf(self, x: Any) -> Array:
            x = np.asarray(x, dtype=float)
            return super().logpdf(x) + log_factor(self, x)

    return with_hyperparameters(noise_prior=lambda e: OtherPrior(e.noise_prior.family, *e.noise_prior.numbers))


def with_coefficients(change: Callable[[IndependentRegression, Array], tuple[Array, Array, Array]]) -> Mistake:
    """Return exact draws of the noise sd, and coefficients given it.

    They have the prior means (K,), prior sds (size, K) and noise sds (size,) that ``change(exact, sigma)`` returns.
    """

    def faulty_posterior(exact: IndependentRegression, y: Array) -> PosteriorSampler:
        X = exact.design[: len(y)]

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            draws = exact.posterior(y).rvs(size, rng)
            m, sds, sigma = change(exact, draws["noise_sd"])
            precision = X.T @ X / sigma[:, None, None] ** 2 + np.eye(len(m)) / sds[:, None, :] ** 2
            V = np.linalg.inv(precision)
            mean = np.einsum("sij,sj->si", V, y @ X / sigma[:, None] ** 2 + m / sds**2)
            step = np.einsum("sij,sj->si", np.linalg.cholesky(V), rng.standard_normal(sds.shape))
            return draws | {"beta": mean + step}

        return PosteriorSampler(draw)

    return faulty_posterior


def _repeated(exact: IndependentRegression, y: Array) -> Any:
    """Return the posterior with every row and observation twice."""
    design = np.tile(exact.design[: len(y)], (2, 1))
    return replace(exact, design=design).posterior(np.tile(y, 2))


def _inverse_last(e: IndependentRegression) -> ScalePrior:
    """Return the noise prior with 1 over its last number: a rate for a scale."""
    *others, last = e.noise_prior.numbers
    return ScalePrior(e.noise_prior.family, *others, 1 / last)


MISTAKES: dict[str, Mistake] = {
    "prior of beta forgotten": with_hyperparameters(prior_sds=lambda e: HUGE + 0 * e.prior_sds),
    "prior of the noise forgotten": with_hyperparameters(noise_prior=ScalePrior("flat")),
    "prior mean 0": with_hyperparameters(prior_mean=lambda e: 0 * e.prior_mean),
    "prior means in another order": with_hyperparameters(prior_mean=lambda e: e.prior_mean[::-1]),
    "prior variances as sds": with_hyperparameters(prior_sds=lambda e: e.prior_sds**2),
    "prior sds as precisions": with_hyperparameters(prior_sds=lambda e: e.prior_sds**-0.5),
    "one prior sd for all": with_hyperparameters(prior_sds=lambda e: np.full(len(e.prior_sds), e.prior_sds.max())),
    "rate for scale of the noise": with_hyperparameters(noise_prior=_inverse_last),
    "prior of the noise for its variance": other_prior_of_noise(
        lambda prior, sigma: prior.distribution.logpdf(sigma**2) + np.log(2 * sigma) - prior.distribution.logpdf(sigma)
    ),
    "Jacobian of log sigma twice": other_prior_of_noise(lambda _, sigma: np.log(sigma)),
    "Jacobian of log sigma forgotten": other_prior_of_noise(lambda _, sigma: -np.log(sigma)),
    "prior scaled by the noise": with_coefficients(lambda e, s: (e.prior_mean, e.prior_sds * s[:, None], s)),
    "least squares given the noise": with_coefficients(
        lambda e, s: (e.prior_mean, np.full((len(s), len(e.prior_mean)), HUGE), s)
    ),
    "noise sd for its variance": with_coefficients(
        lambda e, s: (e.prior_mean, np.tile(e.prior_sds, (len(s), 1)), np.sqrt(s))
    ),
    "variance for sd of the noise": with_draws(lambda draws, _: {"noise_sd": draws["noise_sd"] ** 2}),
    "data counted twice": _repeated,
    "n - 1 for n": WITHOUT_LAST,
    "noise sd in another order": permuted("noise_sd"),
    "one coefficient in another order": permuted_element("beta", 1),
    "every column in another order": permuted("beta", "noise_sd"),
}
