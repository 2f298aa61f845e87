"""Simulation-based calibration: the rank of the true value among the draws on its data set is uniform.

It is what can be done without an exact posterior (Talts et al. 2018, "Validating Bayesian inference algorithms with
simulation-based calibration", arXiv 1804.06788, theorem 1). One rank a data set says far less than an average over the
draws, and a rank of a parameter alone says nothing about how the draws depend on the data; the rank of the log
likelihood does (Modrak et al. 2023, "Simulation-based calibration checking for Bayesian computation: the choice of test
quantities shapes sensitivity", Bayesian Analysis).

Draws are thinned to as many as they are worth independently, L, which differs between data sets. A rank r becomes
u = (r + U) / (L + 1) with U uniform, which is uniform on (0, 1) for every L.
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from arviz_stats.ecdf_utils import get_pointwise_confidence_band, simulate_confidence_bands
from numpy.typing import NDArray
from scipy.stats import beta

from bayes.calibration.summaries import FIELDS
from bayes.checking.null_distributions import combined_p_value, share_p_value
from bayes.checking.results import Check
from bayes.checking.statistics import SHARES

type Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Probabilities of the central intervals whose coverage is reported."""
SIMULATIONS = 1000
"""Simulated sets of ranks from which the band around the ECDF is computed."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often the central interval of the draws covered the true value, in N data sets."""

    level: float
    covered: float
    interval: tuple[float, float]
    """The 95 % interval of Clopper and Pearson (1934) for the probability of it."""


@dataclass(frozen=True, kw_only=True)
class Ecdf:
    """The ECDF of u less u, at ``points``, and the band in which all of it lies with probability ``probability``."""

    points: Array
    difference: Array
    low: Array
    high: Array
    probability: float


def positions(rows: Array, seed: int) -> Array:
    """Return u of every data set and quantity, (N, K), from ``summaries.FIELDS``, (N, K, 8)."""
    r, L = rows[..., FIELDS.index("rank")], rows[..., FIELDS.index("size")]
    U = np.random.default_rng([seed, 2018_04788]).random(r.shape)
    return (r + U) / (L + 1)


def rank_check(name: str, u: Array, *, model: str = "", reason: str = "") -> Check:
    """Return the check that ``u`` (N,) are uniform, before it is judged: nine shares, each a binomial, combined."""
    N = len(u)
    shares = np.mean(u[:, None] < SHARES, axis=0)
    p = share_p_value(shares, SHARES, N)
    worst = int(np.argmin(p))
    q = SHARES[worst]
    return Check(
        parameter=name,
        statistic="ranks",
        exact=q,
        estimate=shares[worst],
        error=shares[worst] - q,
        null_error=sqrt(q * (1 - q) / N),
        p_value=combined_p_value(p),
        degrees_of_freedom=inf,
        ess=N,
        reason=reason,
        model=model,
        combined=len(SHARES),
    )


def coverage(u: Array) -> tuple[Coverage, ...]:
    """Return the coverage of the central intervals, from ``u`` (N,) of one quantity."""
    N = len(u)
    rows = []
    for level in LEVELS:
        k = int(np.sum(abs(u - 0.5) <= level / 2))
        low = float(beta.ppf(0.025, k, N - k + 1)) if k else 0.0
        high = float(beta.ppf(0.975, k + 1, N - k)) if k < N else 1.0
        rows.append(Coverage(level=level, covered=k / N, interval=(low, high)))
    return tuple(rows)


def ecdf(u: Array, probability: float = 0.95, seed: int = 0) -> Ecdf:
    """Return the ECDF of ``u`` (N,) with its simultaneous band.

    The band is that of Säilynoja, Bürkner and Vehtari (2022), "Graphical test for discrete uniformity and its
    applications in goodness-of-fit evaluation and multiple sample comparison", by simulation, as in ArviZ.
    """
    N = len(u)
    points = np.linspace(0, 1, min(N, 100) + 1)[1:-1]
    pointwise = simulate_confidence_bands(N, 1, points, probability, SIMULATIONS, np.random.default_rng(seed))
    low, high = get_pointwise_confidence_band(pointwise, N, points)
    return Ecdf(
        points=points,
        difference=np.mean(u[:, None] <= points, axis=0) - points,
        low=np.asarray(low) - points,
        high=np.asarray(high) - points,
        probability=probability,
    )
