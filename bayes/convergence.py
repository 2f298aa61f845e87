"""Did the chains converge, and how many independent draws is a mean over them worth?

A verdict needs R-hat of at most 1.01, no divergent transition, and an ESS of at least 400, both of the ranks and of the
function whose mean is taken (Vehtari et al. 2021, "Rank-normalization, folding, and localization: an improved R-hat",
section 4).
"""

from math import isnan, nan

import numpy as np
from arviz_stats.sampling_diagnostics import ess, rhat
from numpy.typing import NDArray

LARGEST_RHAT = 1.01
SMALLEST_ESS = 400


def ess_of_mean(f: NDArray[np.float64]) -> float:
    """Return the ESS of the mean of ``f``, shape (chain, draw), capped at the number of draws."""
    return float(min(ess(f, method="mean"), f.size))


def not_converged(theta: NDArray[np.float64], divergences: int) -> str:
    """Return what speaks against convergence, with the numbers, or nothing.

    One chain is compared with itself: R-hat of its two halves, which are split once more (Gelman et al. 2013, "Bayesian
    Data Analysis", 3rd ed., section 11.4). That it missed a mode is for the comparison with the exact answer to say.
    """
    n_chains, n_draws = theta.shape
    halves = theta if n_chains > 1 else theta[:, n_draws % 2 :].reshape(2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that do not move make R-hat infinite
        r = float(rhat(halves)) if halves.shape[1] >= 4 else nan
    bulk = min(float(ess(theta, method="bulk")), theta.size)
    reasons = []
    if divergences:
        reasons.append(f"divergent transitions {divergences} > 0")
    if isnan(r):
        reasons.append(f"R-hat undefined for {n_chains} x {n_draws} draws")
    elif r > LARGEST_RHAT:
        reasons.append(f"R-hat {r:.4g} > {LARGEST_RHAT}")
    if not bulk >= SMALLEST_ESS:
        reasons.append(f"bulk ESS {bulk:.0f} < {SMALLEST_ESS}")
    return "; ".join(reasons)


def too_few(effective: float, needed: float, statistic: str) -> str:
    """Return the reason against a verdict if a statistic's own ESS is below what it needs, or nothing."""
    return "" if effective >= needed else f"ESS {effective:.0f} of the {statistic} < {needed:.0f}"
