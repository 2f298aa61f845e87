"""The harmonic mean of likelihoods: a warning.

    1/Z = E_p[1 / p(y | theta)]

over posterior draws (Newton and Raftery 1994, "Approximate Bayesian inference with the weighted likelihood bootstrap").
It needs nothing but draws and their likelihoods, and its variance is infinite whenever the prior has heavier tails than
the squared inverse likelihood allows, which is the rule. The Pareto k of the terms shows it, if the draws reach the
tail.
"""

from math import log, nan

import numpy as np
from scipy.special import logsumexp

from bayes.evidence import monte_carlo
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Array, Target


def harmonic_mean(target: Target, draws: Array) -> EvidenceEstimate:
    """Return the naive estimate from posterior ``draws`` (chain, draw, D), which should not be used.

    Raises ValueError if the target has no normalised prior, or if the likelihood of a draw is 0.
    """
    prior = target.required_prior("harmonic_mean")
    log_likelihood = prior.log_likelihood(draws.reshape(-1, target.dimension))
    if not np.isfinite(log_likelihood).all():
        raise ValueError("`draws` have points of likelihood 0: they are not posterior draws of this model.")
    return EvidenceEstimate(
        log_evidence=float(log(log_likelihood.size) - logsumexp(-log_likelihood)),
        standard_error=nan,
        method="harmonic_mean",
        evaluations=log_likelihood.size,
        diagnostics=(
            Diagnostic(
                name="Pareto k of the inverse likelihoods",
                value=monte_carlo.tail_index(-log_likelihood),
                threshold=monte_carlo.FINITE_VARIANCE,
                meaning="their variance is infinite, and the estimate is too high by an unknown amount",
            ),
        ),
        notes=target.notes,
    )
