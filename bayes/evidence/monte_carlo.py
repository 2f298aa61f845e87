"""Monte Carlo errors and their diagnostics, of the terms of a mean: ESS, Pareto k, R-hat, by ArviZ."""

from typing import Any

import numpy as np
from arviz_stats.base import array_stats

from bayes.evidence.results import Diagnostic
from bayes.evidence.targets import Array

FEWEST_EFFECTIVE = 400.0
"""ESS below which an ESS is itself unreliable (Vehtari et al. 2021, "Rank-normalization, folding, and localization",
section 4)."""
LARGEST_RHAT = 1.01
"""R-hat above which chains have not converged (Vehtari et al. 2021, section 4).

Both are strict: chains that are slow, and begin in the posterior, give right errors at an ESS of 11 and an R-hat of
1.3. But NUTS on the funnel of eight schools with centred parameters has wrong errors at an ESS of 290 to 410 and an
R-hat of 1.01 to 1.02, and nothing else shows it."""


FINITE_VARIANCE = 0.5
"""Largest Pareto k with which the variance of the terms is finite, and its estimate is an error. Smoothed means of
importance weights are good up to a k of 0.7 (Vehtari et al. 2024, section 3.2.4), and their claimed errors are not:
with 0.7 as the limit 58 % of bad estimates are flagged in ``benchmarks.evidence_diagnostics``, and with 0.5 84 %."""


def effective_size(terms: Array) -> float:
    """Return the ESS of the mean of ``terms`` (chain, draw), at most their number."""
    if np.ptp(terms) == 0:
        return float(terms.size)
    ess: Any = array_stats.ess(terms, chain_axis=0, draw_axis=1, method="mean")
    return float(min(terms.size, ess))


def relative_variance(terms: Array) -> float:
    """Return var(f) / mean(f)^2 of ``terms``."""
    return float(np.var(terms) / np.mean(terms) ** 2)


def tail_index(log_terms: Array) -> float:
    """Return the Pareto k of the right tail of exp(``log_terms``), of any shape; -inf if the tail has one value.

    It is nan if fewer than five terms are in the tail.
    """
    flat = np.ravel(log_terms)
    if np.ptp(flat) == 0:
        return -np.inf
    terms = np.exp(flat - flat.max())
    try:
        k: Any = array_stats.pareto_khat(terms[None], chain_axis=0, draw_axis=1, tail="right")
    except ValueError as error:
        # f2 <= 1 / s1 is at its bound in all of the tail, or the tail is too short
        return -np.inf if "tail values are the same" in str(error) else np.nan
    return float(k)


def chain_diagnostics(terms: Array) -> list[Diagnostic]:
    """Return the largest rank R-hat and the smallest bulk ESS of K functions of the draws, (chain, draw, K).

    They are the unconstrained parameters and the log density: chains in two modes of the same height have the same log
    densities.
    """
    columns = np.moveaxis(terms, -1, 0)
    rhat: list[Any] = [array_stats.rhat(f, chain_axis=0, draw_axis=1, method="rank") for f in columns]
    ess: list[Any] = [array_stats.ess(f, chain_axis=0, draw_axis=1, method="bulk") for f in columns]
    return [
        Diagnostic(
            name="largest R-hat",
            value=float(np.max(rhat)),
            threshold=LARGEST_RHAT,
            meaning="one chain has no R-hat; run four"
            if terms.shape[0] == 1
            else "the chains have not converged to one distribution; run longer chains",
        ),
        Diagnostic(
            name="smallest ESS",
            value=float(np.min(ess)),
            threshold=FEWEST_EFFECTIVE,
            at_least=True,
            meaning="the draws are worth too few independent ones; run longer chains",
        ),
    ]
