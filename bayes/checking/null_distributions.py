"""Null distributions: how far an estimate may be from the exact value if the sampler is right.

Draws are normal scores, z = Phi^-1(F(theta)) with the exact CDF F. If the sampler is right they are N(0, 1) for every
model. Their distribution is not estimated from the draws; only the number of independent draws that they are worth is,
the effective sample size (ESS). A family of checks needs p-values far in a tail, where a normal approximation is wrong
by factors. So each kind of statistic has a function of its own.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import chi2, norm, t

DRAWS_A_DEGREE_OF_FREEDOM = 10
"""Effective draws for each degree of freedom of an estimated ESS; ``benchmarks/gates.py`` sweeps it."""


def location_p_value(mean: float, ess: float) -> float:
    """Return the p-value of the ``mean`` of normal scores that are worth ``ess`` independent ones: N(0, 1/ess)."""
    return float(2 * norm.sf(abs(mean) * np.sqrt(ess)))


def scale_p_value(mean_square: float, ess: float) -> float:
    """Return the p-value of the mean square of normal scores worth ``ess`` independent ones: chi^2_ess / ess."""
    return float(two_sided(chi2.cdf(mean_square * ess, ess), chi2.sf(mean_square * ess, ess)))


def share_p_value(share: ArrayLike, q: ArrayLike, ess: ArrayLike) -> NDArray[np.float64]:
    """Return the p-values of the ``share`` of draws, worth ``ess`` independent ones, below the exact q-quantile.

    The null is the binomial: P(K <= k) = I_{1-q}(n - k, k + 1) and P(K >= k) = I_q(k, n - k + 1), the regularised
    incomplete beta function (DLMF 8.17.5), which is also defined for n = ess and k = n * share that are not whole
    numbers.
    """
    share, q, n = np.asarray(share), np.asarray(q), np.asarray(ess)
    k = share * n
    with np.errstate(invalid="ignore"):  # nan at the ends, where the answer is 1
        below = np.where(share < 1, special.betainc(n - k, k + 1, 1 - q), 1.0)
        above = np.where(share > 0, special.betainc(k, n - k + 1, q), 1.0)
    return two_sided(below, above)


def farthest_p_value(farthest: float, draws: int) -> float:
    """Return a bound on the p-value of the ``farthest`` normal score of ``draws``, by Boole's inequality.

    The bound is draws * P(abs(z) > farthest). It holds for any dependence between the draws, so it needs no ESS and no
    convergence.
    """
    return float(min(1.0, draws * 2 * norm.sf(farthest)))


def combined_p_value(p_values: ArrayLike) -> float:
    """Return one p-value for several p-values with any dependence, by the truncated Cauchy combination.

    Each p below 1/2 counts as cot(pi p), and each other p as 0. The mean of these has the upper tail of a Cauchy
    variable (Liu and Xie 2020, "Cauchy combination test", theorem 1; truncated as in Tesso and Vehtari 2026, arXiv
    2603.02928, eq. 24).

    Examples
    --------
    >>> round(combined_p_value([0.001, 0.4, 0.7, 0.9]), 4)
    0.004
    """
    p = np.asarray(p_values, dtype=float)
    with np.errstate(divide="ignore"):
        mean = np.mean(np.where(p < 0.5, 1 / np.tan(np.pi * np.minimum(p, 0.5)), 0.0))
        return float(np.arctan(1 / mean) / np.pi)


def log_normal_mean_p_value(log_ratios: NDArray[np.float64], power: int = 1, slack: float = 0.0) -> float:
    """Return the p-value of E[exp(power * log_ratios)] = 1 for log-normal ratios, from R >= 2 of them.

    For l_r ~ Normal(m, v) the mean of exp(a l_r) is exp(a m + a^2 v/2), with a the ``power``. So the null hypothesis is
    m + a v/2 = 0, and in the limit a = 0 it is m = 0. With ``slack``, m + a v/2 may be up to slack v away from 0. Given
    the data, the generalised pivots of Krishnamoorthy and Mathew (2003, "Inferences on the means of lognormal
    distributions using generalized p-values and generalized confidence intervals") are ::

        v = (R - 1) s^2 / C,    m = lbar - Z sqrt(v / R),    C ~ chi^2_{R-1},  Z ~ Normal(0, 1)

    and P(m + a v/2 >= 0) = E_C[ Phi((lbar + a v/2) / sqrt(v/R)) ]. Without the term v/2 this is Student's t with R - 1
    degrees of freedom, which is also the limit as s goes to 0. An evidence estimate is log-normal in the limit of many
    particles (Berard, Del Moral and Doucet 2014, "A lognormal central limit theorem for particle approximations of
    normalizing constants").
    """
    R = len(log_ratios)
    # The ends bound what is left out of the p-value. The trapezoid rule in log C converges geometrically.
    log_c = np.linspace(np.log(chi2.ppf(1e-40, R - 1)), np.log(chi2.isf(1e-40, R - 1)), 2001)
    density = chi2.pdf(np.exp(log_c), R - 1) * np.exp(log_c)
    v = (R - 1) * log_ratios.var(ddof=1) / np.exp(log_c)
    # the p-value at the nearest end of the null hypothesis, on either side
    below, above = (
        float(np.sum(density * special.ndtr((sign * (log_ratios.mean() + power * v / 2) + slack * v) / np.sqrt(v / R))))
        / float(np.sum(density))
        for sign in (1, -1)
    )
    return float(two_sided(below, above))


def ratio_p_value(log_ratios: NDArray[np.float64]) -> float:
    """Return a bound on the p-value of E[exp(log_ratios)] = 1 for ratios that are too large, by Markov's inequality.

    The bound is 1 / mean. It holds for any distribution of the ratios and any number of runs. It says nothing about an
    evidence that is too low, because runs that miss most of the evidence can still be unbiased.
    """
    return float(min(1.0, np.exp(np.log(len(log_ratios)) - special.logsumexp(log_ratios))))


def two_sided(below: ArrayLike, above: ArrayLike) -> NDArray[np.float64]:
    """Return two-sided p-values from one-sided ones."""
    return np.minimum(1.0, 2 * np.minimum(below, above))


def widen(p_value: ArrayLike, ess: ArrayLike) -> NDArray[np.float64]:
    """Return ``p_value`` with Student's t in place of the normal, because ``ess`` is itself an estimate."""
    return 2 * t.sf(norm.isf(np.asarray(p_value) / 2), ess_degrees_of_freedom(ess))


def ess_degrees_of_freedom(ess: ArrayLike) -> NDArray[np.float64]:
    """Return the degrees of freedom of Student's t for an error that is estimated from ``ess`` draws."""
    return np.asarray(ess) / DRAWS_A_DEGREE_OF_FREEDOM
