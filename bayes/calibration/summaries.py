"""From the draws on one simulated data set to a few numbers, which is all that is kept of them.

The true parameters theta are a draw from the prior, y is a data set given them, and the sampler gives draws given y.
With F the exact CDF of a scalar given y, the draws become normal scores z = Phi^-1(F(draw)). If the sampler is right,
each z is N(0, 1) whatever y is, so that averages over the draws can be compared with 0, 1 or a probability, without
knowing how many independent draws they are worth. The rank of the true value among the draws needs no F.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from bayes.checking.statistics import FARTHEST, normal_scores
from bayes.exact.distribution import Distribution

type Array = NDArray[np.float64]
type Values = Mapping[str, NDArray[Any]]
"""Values of variables by name, with shapes (chain, draw, ...)."""

TAIL = 0.05
"""Probability of each tail whose share of draws is compared."""
FIELDS = ("score", "square", "lower", "upper", "median", "rank", "size", "ess")
"""What is kept of a quantity: the means of z, of z^2, and of z being in the lower and in the upper tail; the exact
median; the rank of the true value among ``size`` thinned draws; the ESS of z. Without an exact distribution the first
five are nan, and the ESS is that of the quantity itself."""
NODES = 128
"""Draws at which the scores of an exact distribution by quadrature are computed; the others are interpolated."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A scalar function of the parameters, and its exact posterior distribution if that is known."""

    value: Callable[[Values], Any]
    """Takes draws (chain, draw, ...) of the variables by name, and returns (chain, draw)."""
    exact: Distribution | None = None


def summary(
    quantities: Mapping[str, Quantity], truth: Mapping[str, Any], draws: Values, rng: np.random.Generator
) -> Array:
    """Return ``FIELDS`` of each quantity, (K, 8), from the true parameters and the draws (chain, draw, ...).

    ``rng`` breaks ties between the true value and draws.
    """
    one_draw = {name: np.asarray(value)[None, None] for name, value in truth.items()}
    rows = np.full((len(quantities), len(FIELDS)), np.nan)
    with np.errstate(all="ignore"):  # outside of the support a function may have no value
        values = [np.asarray(q.value(draws), dtype=float) for q in quantities.values()]
        truths = [float(np.asarray(q.value(one_draw)).item()) for q in quantities.values()]
    scores = [
        np.nan_to_num(x) if q.exact is None else np.clip(exact_scores(q.exact, x), -FARTHEST, FARTHEST)
        for q, x in zip(quantities.values(), values, strict=True)
    ]
    ess = effective_draws(np.array(scores))
    for k, (quantity, x, true_value, z) in enumerate(zip(quantities.values(), values, truths, scores, strict=True)):
        if quantity.exact is not None:
            rows[k, :5] = *averages(z, (0, 1)), exact_median(quantity.exact)
        rows[k, 5:] = *rank(true_value, thinned(x, ess[k]), rng), ess[k]
    return rows


def averages(z: Array, axis: int | tuple[int, ...]) -> Array:
    """Return the means over ``axis`` of z, of z^2, and of z being in the lower and in the upper tail, (..., 4)."""
    far = -ndtri(TAIL)
    return np.stack([np.mean(g, axis=axis) for g in (z, z**2, z < -far, z > far)], axis=-1)


def exact_scores(distribution: Distribution, x: Array) -> Array:
    """Return the normal scores of ``x``. For a distribution by quadrature most of them are interpolated.

    A monotone cubic goes through the scores at 128 of the draws at most: the 16 farthest on each side, and quantiles of
    the draws at even steps of the normal score. For draws that are right, the scores in between are off by less than
    1e-3 and their mean by less than 1e-5 (``tests/bayes/calibration/test_summaries.py``). For draws in the wrong place
    the error is larger, and far smaller than what is wrong with them.
    """
    if hasattr(distribution, "dist"):
        return normal_scores(distribution, x)
    ordered = np.unique(x[np.isfinite(x)])
    n = len(ordered)
    if n < 2 * NODES:
        return normal_scores(distribution, x)
    far = ndtri(16 / n)
    places = np.unique(np.r_[0:16, (n * ndtr(np.linspace(far, -far, NODES - 32))).astype(int), n - 16 : n])
    nodes = ordered[places]
    z = normal_scores(distribution, nodes)
    inside = np.isfinite(z)  # outside of the support z is infinite
    if inside.sum() < 2:
        return normal_scores(distribution, x)
    scores = PchipInterpolator(nodes[inside], z[inside], extrapolate=False)(x)
    outside = np.isnan(scores)
    scores[outside] = normal_scores(distribution, x[outside])
    return scores


def exact_median(distribution: Distribution) -> float:
    """Return the median. It depends on the distribution alone, to the last bit: ties between data sets stay ties.

    The median is at most one sd from the mean. In this bracket a root is found with a few values of the CDF; ``ppf`` of
    a mixture tabulates the CDF first, at thousands of places.
    """
    mean, sd = float(distribution.mean()), float(distribution.std())
    if hasattr(distribution, "dist") or not np.isfinite(sd):
        return float(distribution.ppf(0.5))
    root: Any = brentq(lambda x: float(distribution.cdf(x)) - 0.5, mean - sd, mean + sd, xtol=1e-12 * sd)
    return float(root)


def effective_draws(z: Array) -> Array:
    """Return how many independent draws each of ``z`` (K, chain, draw) is worth for ranks: from 1 to all of them.

    It is the smaller ESS of z and of its distance from the mean, because a rank feels both.
    """
    K, chains, n = z.shape
    if chains * n < 4 or n < 4:
        return np.ones(K)
    distance = abs(z - z.mean(axis=(1, 2), keepdims=True))
    ess: Any = array_stats.ess(np.concatenate([z, distance]), chain_axis=1, draw_axis=2, method="mean")
    return np.clip(np.nan_to_num(np.reshape(ess, (2, K)).min(axis=0), nan=1.0), 1, chains * n)


def thinned(x: Array, ess: float) -> Array:
    """Return about ``ess`` of the draws ``x`` (chain, draw), evenly spaced, as one row."""
    chains, n = x.shape
    step = min(n, int(np.ceil(chains * n / ess)))
    return x[:, step - 1 :: step].ravel()


def rank(true_value: float, draws: Array, rng: np.random.Generator) -> tuple[int, int]:
    """Return how many of ``draws`` are below the true value, with ties broken at random, and the number of draws."""
    below, ties = int(np.sum(draws < true_value)), int(np.sum(draws == true_value))
    return below + int(rng.integers(0, ties + 1)), len(draws)
