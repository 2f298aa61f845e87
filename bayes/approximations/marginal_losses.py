"""What an approximation loses in the marginal of one parameter, against its exact distribution p.

The divergence KL(p || q) is computed where the approximate marginal q is a transformed normal: where the parameter is a
function theta(z_i) of one coordinate of a normal. On the scale of z_i, with p_z(z) = p(theta(z)) |theta'(z)|::

    KL(p || q) = integral p_z(z) (log p_z(z) - log Normal(z; m_i, s_i)) dz

The integral is a trapezoid sum, which is exact to about 1e-6 nats. Of other parameters (elements of a simplex, sums of
several coordinates, resampled draws) q has no formula, and the divergence is nan.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bayes.approximations.results import Approximation
from bayes.exact.distribution import Distribution, parsed_element

type Array = NDArray[np.float64]

LEVELS = (0.5, 0.9, 0.95)
"""The probabilities of the central intervals."""
TAIL = 1e-10
"""Probability left out at either end of the integral."""
POINTS = 201
"""Points of the trapezoid sum. 1,001 give the same to 3e-9 nats on the models of the registry."""
SEARCHED = 1001
"""Points among which the ends of the range of the sum are looked for."""
STEP = 1e-4
"""Step of the central difference for theta'(z), in sds of the normal: its error is about 1e-8 of itself."""
WIDEST = 2.0**12
"""The integral is given up if it would have to reach so many sds of the normal."""


@dataclass(frozen=True, kw_only=True)
class MarginalLoss:
    """The errors of one marginal.

    Parameters
    ----------
    name
        Name of the parameter, with its index.
    location_error
        Mean of the draws minus the exact mean, in exact sds; nan if the exact sd is not finite.
    log_sd_ratio
        log(sd of the draws / exact sd); nan if the exact sd is not finite.
    kl
        KL(exact marginal || approximate marginal), in nats; nan where the approximate marginal has no formula.
    coverage
        Exact posterior probability of the approximation's central intervals of ``LEVELS``, from quantiles of draws.
    """

    name: str
    location_error: float
    log_sd_ratio: float
    kl: float
    coverage: tuple[float, ...]


def marginal_loss(approximation: Approximation, name: str, exact: Distribution) -> MarginalLoss:
    """Return what the marginal of the parameter ``name`` loses against ``exact``.

    Raises KeyError if the draws lack the parameter.
    """
    posterior = approximation.draws["posterior"].dataset
    variable, index = parsed_element(name, list(map(str, posterior.data_vars)))
    theta = posterior[variable].values[(0, slice(None), *index)]
    mean, sd = float(exact.mean()), float(exact.std())
    known = np.isfinite(sd)
    return MarginalLoss(
        name=name,
        location_error=(float(theta.mean()) - mean) / sd if known else nan,
        log_sd_ratio=float(np.log(theta.std(ddof=1) / sd)) if known else nan,
        kl=_divergence(approximation, variable, index, exact),
        coverage=tuple(_coverage(theta, exact, level) for level in LEVELS),
    )


def _coverage(theta: Array, exact: Distribution, level: float) -> float:
    """Return F(upper) - F(lower) of the central interval of the draws ``theta`` (n,), by the exact CDF F."""
    lower, upper = np.quantile(theta, [(1 - level) / 2, (1 + level) / 2])
    return float(exact.cdf(upper) - exact.cdf(lower))


def _divergence(approximation: Approximation, variable: str, index: tuple[int, ...], exact: Distribution) -> float:
    """Return KL(p || q) in nats, or nan if the parameter is no function of one coordinate of a normal."""
    m, covariance, constrain = approximation.mean, approximation.covariance, approximation.target.constrain
    if m is None or covariance is None:
        return nan
    s = np.sqrt(np.diag(covariance))

    def theta(i: int, z: Array) -> Array:
        points = np.tile(m, (len(z), 1))
        points[:, i] = z
        return constrain(points)[variable][(slice(None), *index)]

    moved = constrain(m + 0.7 * np.diag(s))[variable][(slice(None), *index)]
    (depends_on,) = np.nonzero(moved != constrain(m[None])[variable][(0, *index)])
    if len(depends_on) != 1:
        return nan
    (i,) = depends_on.tolist()
    # The range of z that holds all but TAIL of p at either end.
    reach = 8.0
    while True:
        ends = np.sort(exact.cdf(theta(i, m[i] + reach * s[i] * np.array([-1.0, 1.0]))))
        if ends[0] <= TAIL and ends[1] >= 1 - TAIL:
            break
        reach *= 2
        if reach > WIDEST:
            return nan
    coarse = m[i] + reach * s[i] * np.linspace(-1, 1, SEARCHED)
    F = exact.cdf(theta(i, coarse))
    (inner,) = np.nonzero((F > TAIL) & (F < 1 - TAIL))
    first, last = max(inner[0] - 1, 0), min(inner[-1] + 1, SEARCHED - 1)
    grid = np.linspace(coarse[first], coarse[last], POINTS)
    h = STEP * s[i]
    slope = (theta(i, grid + h) - theta(i, grid - h)) / (2 * h)
    with np.errstate(divide="ignore"):
        log_p = np.asarray(exact.logpdf(theta(i, grid))) + np.log(np.abs(slope))
    inside = np.isfinite(log_p)
    integrand = np.zeros(POINTS)
    integrand[inside] = np.exp(log_p[inside]) * (log_p[inside] - norm.logpdf(grid[inside], m[i], s[i]))
    return float(np.trapezoid(integrand, grid))
