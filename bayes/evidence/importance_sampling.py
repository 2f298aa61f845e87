"""Importance sampling from a multivariate Student's t that is fitted to posterior draws, with Pareto smoothing.

    Z = E_q[w],    w = p~ / q

The largest weights are replaced by quantiles of a generalised Pareto distribution that is fitted to them (Vehtari,
Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", JMLR 25).
"""

from math import log, sqrt
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from bayes.evidence import monte_carlo
from bayes.evidence.proposals import fitted_student
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Array, Target
from closedform.validation import whole_number

FREEDOM = 5.0
"""Degrees of freedom of the proposal: its tails are heavier than those of most posteriors, and it has a covariance."""

FEWEST_WEIGHTS = 200.0
"""Smallest 1 / (relative variance of the mean weight), at which the estimate is 0.07 nats off. With it 91 % of bad
estimates are flagged and 12 % of good ones."""


def importance(target: Target, draws: Array, *, seed: int, proposals: int | None = None) -> EvidenceEstimate:
    """Estimate the log evidence by importance sampling.

    Parameters
    ----------
    target
        The density, with every constant.
    draws
        Unconstrained posterior draws (chain, draw, D). The proposal is fitted to them; its own draws are independent of
        them, so that no draw is used twice.
    seed
        Seed of the proposal's draws.
    proposals
        Number of draws of the proposal; by default as many as there are posterior draws.

    Returns
    -------
    bayes.evidence.results.EvidenceEstimate
        Its standard error is sd(w) / (mean(w) sqrt(S)) of the S smoothed weights.

    Raises
    ------
    ValueError
        If the draws do not determine a covariance, or if the density is 0 at every draw of the proposal.
    """
    chains, n, D = draws.shape
    S = chains * n if proposals is None else proposals
    whole_number("proposals", S, ", 100 or more", 100)
    q = fitted_student(draws.reshape(-1, D), FREEDOM)
    z = q.standardised_draws(np.random.default_rng(seed), S)
    log_w = target.log_density(q.place(z)) - q.log_density(z)
    log_w = np.where(np.isnan(log_w), -np.inf, log_w)
    positive = log_w[np.isfinite(log_w)]
    if not positive.size:
        raise ValueError("`draws` give a proposal at whose draws the density is 0: they are not draws of this model.")
    smoothed = _smoothed(positive)
    log_z = float(logsumexp(smoothed) - log(S))
    w = np.zeros(S)
    w[: len(smoothed)] = np.exp(smoothed - smoothed.max())
    variance = monte_carlo.relative_variance(w) / S
    return EvidenceEstimate(
        log_evidence=log_z,
        standard_error=sqrt(variance),
        method="importance",
        evaluations=S,
        diagnostics=(
            Diagnostic(
                name="Pareto k of the weights",
                value=monte_carlo.tail_index(positive),
                threshold=monte_carlo.FINITE_VARIANCE,
                meaning="the posterior has tails that the proposal lacks; more draws help little, use bridge sampling",
            ),
            Diagnostic(
                name="draws that the weights are worth",
                value=1 / max(variance, 1 / S),
                threshold=FEWEST_WEIGHTS,
                at_least=True,
                meaning="few draws have most of the weight; use bridge sampling",
            ),
        ),
        notes=target.notes,
    )


def _smoothed(log_w: Array) -> Array:
    """Return Pareto smoothed log weights, not normalised."""
    if np.ptp(log_w) == 0:
        return log_w
    normalised: Any = array_stats.psislw(-log_w)[0]
    # A weight that is not in the tail was only normalised. The smallest may be -1e20, which would lose every digit.
    middle = int(np.argsort(log_w)[len(log_w) // 2])
    return normalised - normalised[middle] + log_w[middle]
