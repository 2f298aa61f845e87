"""The log score of one new observation that an approximation loses, in nats: the currency of the plug-in predictives.

The approximate predictive is the mixture over M draws (or over the one point of a plug-in), and the loss is its
divergence from the exact predictive (Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and
estimation", section 4.1)::

    q(y~) = 1/M sum_m p(y~ | y, theta_m),    loss = E[log p(y~ | y) - log q(y~)],    y~ ~ p(y~ | y)

The expectation over y~ is a sum where the predictive has one number: over its support, or by the trapezoid rule in the
normal score of y~. Over vectors it is a mean over draws, with the control variate q/p - 1, whose mean is 0. A mixture
of M draws is worse than one of infinitely many by E[var_m w_m] / (2M) with w_m = p(y~ | y, theta_m) / q(y~). This is
subtracted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr
from scipy.stats import norm

from bayes.approximations.results import Approximation
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.numerics.distributions import DirichletMultinomial
from bayes.registry import Model

type Array = NDArray[np.float64]

MOST_DRAWS = 2000
"""Draws of an approximation that are used, the first of them."""
SCORES = np.linspace(-7, 7, 36)
"""Normal scores of the new observation for the trapezoid rule. What lies outside has a probability of 3e-12. With 141
scores a loss is the same to 2e-9 nats on the models of the registry."""
VECTORS = 1000
"""Draws of a new observation that is a vector."""
LARGEST_SUPPORT = 5000
"""Largest number of values that a discrete observation is summed over."""
EDGE = 1e-13
"""Probability left out at either end of a discrete support."""
SEED = 26
"""Seed of the draws of vectors, the same for every approximation, so that their losses can be compared."""


@dataclass(frozen=True, kw_only=True)
class PredictiveLoss:
    """Nats lost per new observation, and the Monte Carlo standard error, 0 for a plug-in predictive of a number."""

    nats: float
    standard_error: float


def approximate_predictive_loss(approximation: Approximation, model: Model) -> PredictiveLoss:
    """Return the predictive loss of an ``approximation`` of the posterior of ``model``, from its first draws."""
    posterior = approximation.draws["posterior"].dataset.isel(chain=0, draw=slice(MOST_DRAWS))
    return predictive_loss(model, {str(name): values.values for name, values in posterior.data_vars.items()})


def predictive_loss(model: Model, params: Mapping[str, NDArray[Any]]) -> PredictiveLoss:
    """Return the nats that the mixture over ``params`` loses per new observation against the exact predictive.

    Parameters
    ----------
    model
        A model of the registry whose data leave one observation to predict.
    params
        M independent draws of the parameters by name, each (M, ...); M = 1 for a plug-in.

    Raises
    ------
    ValueError
        By the model, if there is no observation left to predict.
    """
    y_new, weights, log_p, number = _new_observations(model)
    log_likelihood = new_log_likelihoods(model.exact, params, model.y, y_new)  # (S, M)
    M = log_likelihood.shape[1]
    log_q = logsumexp(log_likelihood, axis=1) - np.log(M)
    terms = log_p - log_q if number else np.expm1(log_q - log_p) - (log_q - log_p)
    w = np.exp(log_likelihood - log_q[:, None])
    bias = weights @ w.var(axis=1, ddof=1) / (2 * M) if M > 1 else 0.0
    # d loss / d draw m = -(E[w_m] - 1) / M
    by_draws = float((weights @ w).std(ddof=1)) / sqrt(M) if M > 1 else 0.0
    by_vectors = 0.0 if number else float(terms.std(ddof=1)) / sqrt(len(terms))
    return PredictiveLoss(nats=float(weights @ terms - bias), standard_error=hypot(by_draws, by_vectors))


def new_log_likelihoods(exact: Any, params: Mapping[str, NDArray[Any]], y: NDArray[Any], y_new: NDArray[Any]) -> Array:
    """Return log p(y_new[s] | y, theta_m), (S, M) in nats, of each of S values of one more observation."""
    if isinstance(exact, HierarchicalNormal):  # a new group has a mean of its own, Normal(mu, tau^2)
        return norm.logpdf(y_new[:, None], params["mu"], np.hypot(params["tau"], exact.noise_sds[len(y)]))
    # log p(y_new | y, theta) = log p(y, y_new | theta) - log p(y | theta)
    with_new = np.array([exact.log_likelihood(params, np.concatenate([y, [new]])) for new in y_new])
    return with_new - exact.log_likelihood(params, y)


@lru_cache(maxsize=16)
def _new_observations(model: Model) -> tuple[NDArray[Any], Array, Array, bool]:
    """Return new observations (S, ...), their weights and exact log densities (S,), and whether each is one number.

    They are the same for every approximation of a model, and the exact predictive of some models takes ten seconds.
    """
    predictive = model.exact.predictive(model.y)
    y_new, weights, number = _points_and_weights(predictive)
    log_p = np.asarray((predictive.logpmf if hasattr(predictive, "logpmf") else predictive.logpdf)(y_new))
    return y_new, weights, log_p, number


def _points_and_weights(predictive: Any) -> tuple[NDArray[Any], Array, bool]:
    """Return new observations (S, ...) and their weights (S,), and whether each is one number."""
    mean: Any = predictive.mean() if callable(predictive.mean) else predictive.mean  # an attribute of SciPy's vectors
    if np.ndim(mean):
        return _vectors(predictive, np.random.default_rng(SEED)), np.full(VECTORS, 1 / VECTORS), False
    if hasattr(predictive, "pmf"):
        low, high = int(predictive.ppf(EDGE)), int(predictive.ppf(1 - EDGE))
        if high - low >= LARGEST_SUPPORT:
            raise ValueError(
                f"the new observation has {high - low + 1} values, more than {LARGEST_SUPPORT} to sum over."
            )
        y = np.arange(max(low, 0), high + 1)
        return y, np.asarray(predictive.pmf(y)), True
    y = np.asarray(predictive.ppf(ndtr(SCORES)))
    return y, norm.pdf(SCORES) * (SCORES[1] - SCORES[0]), True


def _vectors(predictive: Any, rng: np.random.Generator) -> NDArray[Any]:
    """Return draws of a new observation that is a vector, (S, K)."""
    if isinstance(predictive, DirichletMultinomial):  # SciPy has no draws of it
        return rng.multinomial(np.squeeze(predictive.n), rng.dirichlet(np.squeeze(predictive.alpha), size=VECTORS))
    return np.asarray(predictive.rvs(VECTORS, random_state=rng))
