"""Mistakes about groups with a common mean."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import halfnorm

from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.scale_priors import ScalePrior
from bayes.faults.faulty_updates.updates import (
    HUGE,
    Array,
    Mistake,
    PosteriorSampler,
    permuted,
    permuted_element,
    with_hyperparameters,
)


def _scale(exact: Any) -> float:
    """Return the scale of the half-Cauchy prior of tau."""
    return exact.tau_prior.numbers[0]


def other_prior_of_tau(log_factor: Callable[[HierarchicalNormal, Array], Array]) -> Mistake:
    """Return the posterior with ``log_factor(exact, tau)`` added to the log prior of tau."""

    class OtherPrior(HierarchicalNormal):
        def _integrand(self, y: Array) -> dict[str, Any]:
            integrand = super()._integrand(y)
            return integrand | {"log_density": lambda v: integrand["log_density"](v) + log_factor(self, np.exp(v))}

    return lambda exact, y: OtherPrior(**vars(exact)).posterior(y)


def with_groups(change: Callable[[Any, Array, dict[str, Array], np.random.Generator], dict[str, Any]]) -> Mistake:
    """Return exact draws, updated with the variables that ``change(exact, y, draws, rng)`` returns."""

    def faulty_posterior(exact: Any, y: Array) -> PosteriorSampler:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            draws = joint.rvs(size, rng)
            return draws | change(exact, y, draws, rng)

        return PosteriorSampler(draw)

    return faulty_posterior


def _theta(exact: Any, y: Array, draws: dict[str, Array], rng: np.random.Generator, *, swapped: bool) -> dict[str, Any]:
    """Return theta given mu and tau with a mistake: the weights of data and mean ``swapped``, or no shrinkage."""
    mu, tau2, sigma2 = draws["mu"][:, None], draws["tau"][:, None] ** 2, exact.noise_sds[: len(y)] ** 2
    share = tau2 / (sigma2 + tau2)
    mean = mu + (1 - share if swapped else share) * (y - mu)
    return {"theta": rng.normal(mean, np.sqrt(share * sigma2 if swapped else sigma2 + 0 * share))}


def _common_error(exact: Any, y: Array, draws: dict[str, Array], rng: np.random.Generator) -> dict[str, Any]:
    """Return theta given mu and tau with one standard normal number for all groups, not one for each group."""
    mu, tau2, sigma2 = draws["mu"][:, None], draws["tau"][:, None] ** 2, exact.noise_sds[: len(y)] ** 2
    share = tau2 / (sigma2 + tau2)
    return {"theta": mu + share * (y - mu) + np.sqrt(share * sigma2) * rng.normal(size=mu.shape)}


MISTAKES: dict[str, Mistake] = {
    "prior of mu forgotten": with_hyperparameters(prior_sd=HUGE),
    "prior mean 0": with_hyperparameters(prior_mean=0.0),
    "prior mean 10": with_hyperparameters(prior_mean=10.0),
    "prior variance as sd": with_hyperparameters(prior_sd=lambda e: e.prior_sd**2),
    "prior sd as precision": with_hyperparameters(prior_sd=lambda e: e.prior_sd**-0.5),
    "scale of tau squared": with_hyperparameters(tau_prior=lambda e: ScalePrior("half_cauchy", _scale(e) ** 2)),
    "prior of tau forgotten": with_hyperparameters(tau_prior=ScalePrior("half_cauchy", HUGE)),
    "half-normal for half-Cauchy": other_prior_of_tau(
        lambda e, tau: halfnorm.logpdf(tau, scale=_scale(e)) - e.tau_prior.logpdf(tau)
    ),
    "Jacobian of log tau twice": other_prior_of_tau(lambda _, tau: np.log(tau)),
    "noise variances as sds": with_hyperparameters(noise_sds=lambda e: e.noise_sds**2),
    "noise sds in another order": with_hyperparameters(noise_sds=lambda e: np.roll(e.noise_sds, 1)),
    "one noise sd for all": with_hyperparameters(noise_sds=lambda e: np.full(len(e.noise_sds), e.noise_sds.mean())),
    "shares of data and mean swapped": with_groups(lambda *arguments: _theta(*arguments, swapped=True)),
    "theta without shrinkage of its variance": with_groups(lambda *arguments: _theta(*arguments, swapped=False)),
    "groups not pooled": with_groups(
        lambda e, y, draws, rng: {"theta": rng.normal(y, e.noise_sds[: len(y)], draws["theta"].shape)}
    ),
    "tau in another order": permuted("tau"),
    "mu in another order": permuted("mu"),
    "one group in another order": permuted_element("theta", 0),
    "every column in another order": permuted("mu", "tau", "theta"),
    "one error for all groups": with_groups(_common_error),
}
