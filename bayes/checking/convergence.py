"""Convergence of the chains, and the number of independent draws that a mean over them is worth.

For a pass, every quantity that is compared needs the following (Vehtari et al. 2021, "Rank-normalization, folding, and
localization: an improved R-hat", section 4, and Geyer 1992, "Practical Markov chain Monte Carlo", section 3):

- R-hat of at most 1.01. The limit is larger if chains that converged exceed 1.01 more often than once in 1,000 times.
- An ESS of at least 400, for the normal scores, for their squares and for the shares of draws in both tails.
- Batch means that do not contradict this ESS. Geyer's sequence ends where noise hides the autocorrelations, so it does
  not detect a slow part with little variance. The means of a few long batches do.
- Hardly any divergent transitions.

If one quantity does not meet a condition, no quantity of the same chains passes.
"""

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as f_distribution

LARGEST_RHAT = 1.01
SMALLEST_ESS = 400
LARGEST_DIVERGENT_SHARE = 0.001
"""With a larger share of divergent transitions nothing passes; ``benchmarks/gates.py`` measures the consequences."""
CLOSING_RATE = 0.001
"""Probability that chains which converged do not meet the condition on R-hat, for any number of quantities. It is the
same for the condition on the batch means. ``benchmarks/gates.py`` measures it."""
BATCHES = 4
"""Batches in each chain; there are at least 4 times as many in all. More batches are shorter and show less of a slow
part. Fewer batches have a less certain variance. ``benchmarks/gates.py`` sweeps this and ``CONTRADICTION``."""
CONTRADICTION = 0.05
"""Level at which batch means contradict Geyer's ESS. Their ESS then takes its place. To take the smaller ESS always, a
level of 1, would be too careful: errors of 0.05 sd are then detected less often."""


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """Convergence diagnostics of one quantity."""

    name: str
    rhat: float
    rhat_p_value: float
    """Probability of an R-hat at least as large, from chains that converged."""
    ess: dict[str, float]
    """ESS of ``"bulk"``, ``"scale"`` and ``"tail"``, by Geyer's sequence."""
    batch_p_value: float
    """Probability of batch means at least as far apart, if Geyer's ESS were right."""


class Sizes(NamedTuple):
    """Effective sample sizes of K functions of the draws, as arrays (K,)."""

    ess: NDArray[np.float64]
    """Independent draws that the mean is worth, by Geyer's sequence, or by the batch means where they contradict it."""
    geyer: NDArray[np.float64]
    batch_p_value: NDArray[np.float64]
    """Probability of batch means at least as far apart, if Geyer's ESS were right."""


def effective_sizes(
    f: NDArray[np.float64], batches_a_chain: int = BATCHES, contradiction: float = CONTRADICTION
) -> Sizes:
    """Return the effective sample sizes of functions ``f`` (K, chain, draw).

    The ESS is that of Geyer's initial monotone sequence, as in ArviZ. For antithetic chains it is larger than the
    number N of draws, N log10(N) at most. Where the batch means contradict it at a level of 5 %, their ESS is used::

        ESS = N var(f) / (b var(batch means)),    with b draws in a batch

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sizes = effective_sizes(rng.normal(size=(1, 4, 1000)))
    >>> round(float(sizes.ess[0]), -2), bool(sizes.batch_p_value[0] > 0.05)
    (3900.0, True)
    """
    K, chains, draws = f.shape
    geyer = np.atleast_1d(array_stats.ess(f, chain_axis=1, draw_axis=2, method="mean")).astype(float)
    batches = max(batches_a_chain, -(-4 * batches_a_chain // chains))
    b = draws // batches
    if b < 1:
        return Sizes(geyer, geyer, np.ones(K))
    batch_means = f[..., : b * batches].reshape(K, chains * batches, b).mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):  # the batches of a constant function do not differ
        batch_ess = chains * draws * f.var(axis=(1, 2)) / (b * batch_means.var(axis=1, ddof=1))
        freedom = chains * batches - 1
        # if Geyer's ESS is right, var(batch means) is chi^2 / freedom times var(f) N / (ESS b)
        p = np.nan_to_num(chi2.sf(geyer / batch_ess * freedom, freedom), nan=1.0)
    return Sizes(np.where(p <= contradiction, np.minimum(batch_ess, geyer), geyer), geyer, p)


def split_rhat(z: NDArray[np.float64]) -> tuple[float, float]:
    """Return the rank-normalised, split and folded R-hat of ``z`` (chain, draw), and its p-value; nan below 4 draws.

    A single chain is compared with itself: its two halves are split once more (Gelman et al. 2013, "Bayesian Data
    Analysis", 3rd ed., section 11.4). The comparison with the exact answer shows whether it missed a mode.

    The p-value is the probability that chains which converged have a larger R-hat. With m half chains, each worth e
    independent draws by its own autocorrelations, ::

        R-hat^2 = 1 + F / (e - 1),    F ~ F(m - 1, m (e - 1))

    which is the analysis of variance behind Gelman and Rubin (1992), "Inference from iterative simulation using
    multiple sequences". R-hat is the larger of two values, for ranks and for folded ranks, so the probability is
    doubled.
    """
    chains = z if len(z) > 1 else z[:, z.shape[1] % 2 :].reshape(2, -1)
    if chains.shape[1] < 4:
        return nan, nan
    with np.errstate(divide="ignore", invalid="ignore"):  # R-hat is infinite for chains that do not move
        rhat: Any = array_stats.rhat(chains, chain_axis=0, draw_axis=1)
    r = float(rhat)
    half = chains.shape[1] // 2
    halves = chains[:, : 2 * half].reshape(-1, half)
    m = len(halves)
    within = halves - halves.mean(axis=1, keepdims=True)
    total_ess: Any = array_stats.ess(within, chain_axis=0, draw_axis=1, method="identity")
    e = float(total_ess) / m
    if not e > 1:
        return r, 0.0  # a half chain is worth less than one draw, which excuses no R-hat
    return r, min(1.0, 2 * float(f_distribution.sf((r**2 - 1) * (e - 1), m - 1, m * (e - 1))))


def closed_gates(quantities: Iterable[Mixing], chains: int, draws: int, divergent: int) -> str:
    """Return why a quantity has not converged, with the numbers, or an empty text if all have.

    ``chains`` x ``draws`` is the size of the run and ``divergent`` the number of its divergent transitions.
    """
    quantities = list(quantities)
    reasons = []
    share = divergent / (chains * draws)
    if share > LARGEST_DIVERGENT_SHARE:
        reasons.append(
            f"divergent transitions {divergent} of {chains * draws}, more than {100 * LARGEST_DIVERGENT_SHARE:g} %"
        )
    level = CLOSING_RATE / max(1, len(quantities))
    if any(np.isnan(q.rhat) for q in quantities):
        reasons.append(f"R-hat undefined for {chains} x {draws} draws")
    high_rhat = [q for q in quantities if q.rhat > LARGEST_RHAT and q.rhat_p_value <= level]
    if high_rhat:
        worst = max(high_rhat, key=lambda q: q.rhat)
        reasons.append(
            f"R-hat {_above(worst.rhat, LARGEST_RHAT)} > {LARGEST_RHAT} of {_name_and_count(worst, high_rhat)}"
        )
    low_ess = [(ess, kind, q) for q in quantities for kind, ess in q.ess.items() if not ess >= SMALLEST_ESS]
    if low_ess:
        ess, kind, worst = min(low_ess, key=lambda entry: entry[0])
        reasons.append(f"{kind} ESS {int(ess)} < {SMALLEST_ESS} of {_name_and_count(worst, low_ess)}")
    drifting = [q for q in quantities if q.batch_p_value <= level]
    if drifting:
        worst = min(drifting, key=lambda q: q.batch_p_value)
        reasons.append(
            f"means of long batches drift (p = {worst.batch_p_value:.1g}) of {_name_and_count(worst, drifting)}"
        )
    return "; ".join(reasons)


def _name_and_count(worst: Mixing, quantities: Sized) -> str:
    return worst.name + (f" and {len(quantities) - 1} more" if len(quantities) > 1 else "")


def _above(value: float, limit: float) -> str:
    """Return ``value`` as text, with enough digits to be larger than ``limit``."""
    digits = 4
    while np.isfinite(value) and float(f"{value:.{digits}g}") <= limit:
        digits += 1
    return f"{value:.{digits}g}"
