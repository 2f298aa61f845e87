"""Mistakes about groups with a common mean."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import halfcauchy, halfnorm

from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.faults.faulty_updates.updates import HUGE, Array, Drawn, Mistake, in_other_orders, one_in_another_order, told


def other_prior_of_tau(log_factor: Callable[[HierarchicalNormal, Array], Array]) -> Mistake:
    """Return the posterior with ``log_factor(exact, tau)`` added to the log prior of tau."""

    class Other(HierarchicalNormal):
        def _integrand(self, y: Array) -> dict[str, Any]:
            right = super()._integrand(y)
            return right | {"log_density": lambda v: right["log_density"](v) + log_factor(self, np.exp(v))}

    return lambda exact, y: Other(**vars(exact)).posterior(y)


def groups(change: Callable[[Any, Array, dict[str, Array], np.random.Generator], dict[str, Any]]) -> Mistake:
    """Return the hierarchical normal's draws with those that ``change(exact, y, drawn, rng)`` returns."""

    def wrong(exact: Any, y: Array) -> Drawn:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            drawn = joint.rvs(size, rng)
            return drawn | change(exact, y, drawn, rng)

        return Drawn(draw)

    return wrong


def _theta(exact: Any, y: Array, drawn: dict[str, Array], rng: np.random.Generator, *, swapped: bool) -> dict[str, Any]:
    """Return theta given mu and tau with a mistake: shares of data and mean ``swapped``, or a variance without one."""
    mu, tau2, sigma2 = drawn["mu"][:, None], drawn["tau"][:, None] ** 2, exact.noise_sds[: len(y)] ** 2
    share = tau2 / (sigma2 + tau2)
    mean = mu + (1 - share if swapped else share) * (y - mu)
    return {"theta": rng.normal(mean, np.sqrt(share * sigma2 if swapped else sigma2 + 0 * share))}


def _one_error(exact: Any, y: Array, drawn: dict[str, Array], rng: np.random.Generator) -> dict[str, Any]:
    """Return theta given mu and tau with one standard normal number a draw, where every group has its own."""
    mu, tau2, sigma2 = drawn["mu"][:, None], drawn["tau"][:, None] ** 2, exact.noise_sds[: len(y)] ** 2
    share = tau2 / (sigma2 + tau2)
    return {"theta": mu + share * (y - mu) + np.sqrt(share * sigma2) * rng.normal(size=mu.shape)}


MISTAKES: dict[str, Mistake] = {
    "prior of mu forgotten": told(prior_sd=HUGE),
    "prior mean 0": told(prior_mean=0.0),
    "prior mean 10": told(prior_mean=10.0),
    "prior variance as sd": told(prior_sd=lambda e: e.prior_sd**2),
    "prior sd as precision": told(prior_sd=lambda e: e.prior_sd**-0.5),
    "spread squared": told(spread=lambda e: e.spread**2),
    "prior of tau forgotten": told(spread=HUGE),
    "half-normal for half-Cauchy": other_prior_of_tau(
        lambda e, tau: halfnorm.logpdf(tau, scale=e.spread) - halfcauchy.logpdf(tau, scale=e.spread)
    ),
    "Jacobian of log tau twice": other_prior_of_tau(lambda _, tau: np.log(tau)),
    "noise variances as sds": told(noise_sds=lambda e: e.noise_sds**2),
    "noise sds in another order": told(noise_sds=lambda e: np.roll(e.noise_sds, 1)),
    "one noise sd for all": told(noise_sds=lambda e: np.full(len(e.noise_sds), e.noise_sds.mean())),
    "shares of data and mean swapped": groups(lambda *known: _theta(*known, swapped=True)),
    "theta without shrinkage of its variance": groups(lambda *known: _theta(*known, swapped=False)),
    "groups not pooled": groups(
        lambda e, y, drawn, rng: {"theta": rng.normal(y, e.noise_sds[: len(y)], drawn["theta"].shape)}
    ),
    "tau in another order": in_other_orders("tau"),
    "mu in another order": in_other_orders("mu"),
    "one group in another order": one_in_another_order("theta", 0),
    "every column in another order": in_other_orders("mu", "tau", "theta"),
    "one error for all groups": groups(_one_error),
}
