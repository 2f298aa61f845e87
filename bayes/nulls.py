"""Null distributions: how far an estimate strays from the exact value when the sampler is right.

Each function returns a two-sided p-value. Nothing about the exact distribution is estimated from the draws; only their
number of independent equivalents is (the effective sample size, ESS). Where p is far in a tail, a normal approximation
is wrong by factors, and a family of checks lives on its tails: hence a function for each kind of statistic.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import chi2, kstwo, norm, pearson3, t

from bayes.exact.distribution import Distribution

DRAWS_A_DEGREE_OF_FREEDOM = 10
"""Effective draws behind one degree of freedom of their own ESS. Measured: with the normal in place of Student's t, or
with 4 draws for a degree, AR(1) chains of ESS 500 raise the family's false alarms at 0.001 to 0.0018."""

LARGEST_SHAPE = 0.3
"""Largest skewness and excess kurtosis of a sample mean for which Pearson's type III holds at p = 1.4e-4 within a
factor of two; measured on means and sds of independent gamma, log-normal, inverse gamma and Student t draws."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Mean and sd of f(theta) under the exact distribution in units of theta's sd, its skewness and excess kurtosis."""

    mean: float
    sd: float
    skewness: float
    kurtosis: float

    def ess_needed(self) -> float:
        """Return the ESS from which the mean of f over the draws is close enough to Pearson's type III."""
        # skewness(mean) = skewness / sqrt(n),    kurtosis(mean) = kurtosis / n
        return max((self.skewness / LARGEST_SHAPE) ** 2, abs(self.kurtosis) / LARGEST_SHAPE)


@lru_cache(maxsize=256)  # by identity: many sets of draws are held to the same distributions
def shapes(distribution: Distribution) -> tuple[Shape, Shape]:
    """Return the shapes of z and of z^2, where z = (theta - mean) / sd under ``distribution``.

    The moments mu_k = E[z^k] = integral of z(u)^k over u in (0, 1), with u = Phi(x) and the trapezoid rule in x from -8
    to 8. Leaving out 6e-16 of the probability on either side makes every moment finite: where one is infinite in truth,
    it comes out huge, which is what ``Shape.ess_needed`` has to know.
    """
    x = np.linspace(-8, 8, 1001)
    weight = norm.pdf(x) * (x[1] - x[0])
    z = (distribution.ppf(norm.cdf(x)) - distribution.mean()) / distribution.std()
    mu = [float(np.sum(weight * z**k)) for k in range(9)]
    # var(z^2) = mu_4 - 1, and the third and fourth central moments of z^2 by the binomial theorem
    var = mu[4] - 1
    third = mu[6] - 3 * mu[4] + 2
    fourth = mu[8] - 4 * mu[6] + 6 * mu[4] - 3
    return (
        Shape(mean=0.0, sd=1.0, skewness=mu[3], kurtosis=mu[4] - 3),
        Shape(mean=1.0, sd=var**0.5, skewness=third / var**1.5, kurtosis=fourth / var**2 - 3),
    )


def mean_p_value(mean: float, shape: Shape, ess: float) -> float:
    """Return the p-value of ``mean``, the mean over draws worth ``ess`` independent ones of f with known moments.

    The null is Pearson's type III with the three moments of a mean of ``ess`` independent values. It is the normal for
    f = z of a normal, and the chi-square of a variance for f = z^2 of a normal.
    """
    z = (mean - shape.mean) / shape.sd * np.sqrt(ess)
    null = pearson3(shape.skewness / np.sqrt(ess))
    return two_sided(null.cdf(z), null.sf(z))


def proportion_p_value(proportion: float, q: float, ess: float) -> float:
    """Return the p-value of ``proportion`` of draws worth ``ess`` independent ones below the exact q-quantile.

    The null is the binomial: P(K <= k) = I_{1-q}(n - k, k + 1) and P(K >= k) = I_q(k, n - k + 1), the regularised
    incomplete beta function (DLMF 8.17.5), which also takes n = ess and k = n * proportion between whole numbers.
    """
    k = proportion * ess
    below = special.betainc(ess - k, k + 1, 1 - q) if k < ess else 1.0
    above = special.betainc(k, ess - k + 1, q) if k > 0 else 1.0
    return two_sided(below, above)


def kolmogorov_p_value(distance: float, ess: float) -> float:
    """Return the p-value of the largest distance between the ECDF of ``ess`` draws and the exact CDF (Kolmogorov)."""
    return float(kstwo.sf(distance, int(ess)))


def kolmogorov_distance(p_value: float, ess: float) -> float:
    """Return the distance whose ``kolmogorov_p_value`` is ``p_value``."""
    return float(kstwo.isf(p_value, int(ess)))


def log_normal_mean_p_value(log_ratios: NDArray[np.float64], power: int = 1, slack: float = 0.0) -> float:
    """Return the p-value of E[exp(power * log_ratios)] = 1 for log-normal ratios, from R >= 2 of them.

    For l_r ~ Normal(m, v) the mean of exp(a l_r) is exp(a m + a^2 v/2), so the null is m + a v/2 = 0, and with a = 0
    (``power``) the limit of it, m = 0; with ``slack`` it is any |m + a v/2| <= slack v. Given the data, the generalised
    pivots of Krishnamoorthy and Mathew (2003, "Inferences on the means of lognormal distributions using generalized
    p-values and generalized confidence intervals") are

        v = (R - 1) s^2 / C,    m = lbar - Z sqrt(v / R),    C ~ chi^2_{R-1},  Z ~ Normal(0, 1)

    and P(m + a v/2 >= 0) = E_C[ Phi((lbar + a v/2) / sqrt(v/R)) ]. Without the v/2 that is Student's t with R - 1
    degrees of freedom, which it becomes as s goes to 0. An evidence estimate is log-normal in the limit of many
    particles (Berard, Del Moral and Doucet 2014, "A lognormal central limit theorem for particle approximations of
    normalizing constants").
    """
    R = len(log_ratios)
    # The ends bound what is left out of the p-value; the trapezoid rule in log C converges geometrically.
    log_c = np.linspace(np.log(chi2.ppf(1e-40, R - 1)), np.log(chi2.isf(1e-40, R - 1)), 2001)
    density = chi2.pdf(np.exp(log_c), R - 1) * np.exp(log_c)
    v = (R - 1) * log_ratios.var(ddof=1) / np.exp(log_c)
    # the p-value of the end of the null that is nearest, on either side
    below, above = (
        float(np.sum(density * special.ndtr((sign * (log_ratios.mean() + power * v / 2) + slack * v) / np.sqrt(v / R))))
        / float(np.sum(density))
        for sign in (1, -1)
    )
    return two_sided(below, above)


def two_sided(below: float, above: float) -> float:
    """Return the two-sided p-value from the two one-sided ones."""
    return float(min(1.0, 2 * min(below, above)))


def widen(p_value: float, ess: float) -> float:
    """Return ``p_value`` with the normal behind it replaced by Student's t, because ``ess`` is itself an estimate."""
    return float(2 * t.sf(norm.isf(p_value / 2), ess_degrees_of_freedom(ess)))


def ess_degrees_of_freedom(ess: float) -> float:
    """Return the degrees of freedom of Student's t for an error whose size is known from ``ess`` draws only."""
    return ess / DRAWS_A_DEGREE_OF_FREEDOM
