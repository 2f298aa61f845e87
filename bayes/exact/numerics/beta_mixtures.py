"""Mixtures of beta distributions, and the log ratio of beta functions that their weights are made of."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betaincinv, logsumexp, ndtr, xlog1py

from bayes.exact.numerics import distributions
from bayes.exact.numerics.log_gamma import log_dirichlet_multinomials, remainder
from bayes.exact.numerics.quantiles import quantile

SMALL = 1e-20
"""Components with a weight below this are left out of probabilities, whose absolute error is then below 1e-16."""
STEEP, HEAVY, HALVINGS = 8.0, 0.05, 40
"""Largest ratio of the mean densities of two intervals of the grid, the largest mass of one, and how often they are
halved for that at most."""
BLOCK = 2**17
"""Places times components that are computed at once: a megabyte, which fits in a cache."""


def log_choose(k: ArrayLike, m: ArrayLike) -> Any:
    """Return log (k + m)! / (k! m!) of whole numbers >= 0.

    Examples
    --------
    >>> round(float(log_choose(2, 3)), 12), float(log_choose(0, 7))  # log 10
    (2.302585092994, 0.0)
    """
    k, m = np.asarray(k, dtype=float), np.asarray(m, dtype=float)
    # log x! = x log x - x + r(x)
    entropy = xlog1py(k, m / np.maximum(k, 1)) + xlog1py(m, k / np.maximum(m, 1))
    return entropy + (remainder(k + m) - remainder(k) - remainder(m))


def log_beta_ratio(k: ArrayLike, m: ArrayLike, a: ArrayLike, b: ArrayLike) -> Any:
    """Return log B(a + k, b + m) - log B(a, b): log p of one sequence of k successes and m failures.

    The probability of success has the prior Beta(a, b). The arguments may be arrays of any shapes that go together; k
    and m are whole numbers >= 0.

    Examples
    --------
    >>> round(float(log_beta_ratio(2, 1, 1.0, 1.0)), 12)  # log 2! 1! / 4!
    -2.484906649788
    """
    k, m, a, b = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (k, m, a, b)))
    return log_dirichlet_multinomials(np.stack([k, m], axis=-1), np.stack([a, b], axis=-1)) - log_choose(k, m)


class BetaMixture:
    """A mixture of beta distributions: ``weights`` (G,) that sum to 1, and the parameters ``a`` and ``b`` (G,)."""

    def __init__(self, weights: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
        self._weights, self._a, self._b = weights, a, b
        kept = weights > SMALL
        self._kept = weights[kept], a[kept], b[kept]

    def mean(self) -> float:
        """Return the mean."""
        return float(self._weights @ self._means)

    def var(self) -> float:
        """Return the variance."""
        variances = self._means * (self._b / (self._a + self._b)) / (self._a + self._b + 1)
        return float(self._weights @ (variances + (self._means - self.mean()) ** 2))

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def logpdf(self, x: Any) -> Any:
        """Return the log density."""
        with np.errstate(divide="ignore"):
            log_weights = np.log(self._weights)
        return self._blocks(
            lambda x: logsumexp(log_weights + distributions.beta.logpdf(x, self._a, self._b), axis=1), x
        )

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        weights, a, b = self._kept
        return self._blocks(lambda x: betainc(a, b, np.clip(x, 0, 1)) @ weights, x)

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        weights, a, b = self._kept
        return self._blocks(lambda x: betaincc(a, b, np.clip(x, 0, 1)) @ weights, x)

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        return np.clip(quantile(self.cdf, self.pdf, *self._grid, q), 0, 1)[()]

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        rng = np.random.default_rng(random_state)
        component = rng.choice(len(self._weights), size=size, p=self._weights)
        return rng.beta(self._a[component], self._b[component])

    @property
    def _means(self) -> NDArray[np.float64]:
        return self._a / (self._a + self._b)

    def _blocks(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Return f of places (block, 1) for every place, in blocks, because a million draws would need gigabytes."""
        x = np.asarray(x, dtype=float)
        blocks = np.array_split(x.ravel(), 1 + x.size * len(self._a) // BLOCK)
        return np.concatenate([f(block[:, None]) for block in blocks]).reshape(x.shape)[()]

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places between which the density changes little, from 0 to 1, and the CDF there.

        They begin with the quantiles of a beta of the same moments, and intervals that are steep or heavy are halved.
        """
        mean, var = self.mean(), self.var()
        size = mean * (1 - mean) / var - 1
        middle = betaincinv(mean * size, (1 - mean) * size, ndtr(np.linspace(-8.2, 8.2, 83)))
        inside = middle[(middle > 0) & (middle < 1)]
        low, high = (inside[0], inside[-1]) if inside.size else (0.5, 0.5)
        halvings = 0.5 ** np.arange(1, 60)
        tails = np.concatenate([np.geomspace(1e-300, low, 60), low * halvings, 1 - (1 - high) * halvings])
        places = np.unique(np.concatenate([[0.0, 1.0], tails, inside]))
        values = self.cdf(places)
        for _ in range(HALVINGS):
            mass, width = np.diff(values), np.diff(places)
            with np.errstate(divide="ignore", invalid="ignore"):
                change = abs(np.diff(np.log(mass / width)))[1:-1]  # the first and the last interval reach the ends
            steep = np.concatenate([[False], change > np.log(STEEP), [False]])
            coarse = np.flatnonzero((mass[1:-1] > HEAVY) | ((steep[1:] | steep[:-1]) & (mass[1:-1] > SMALL))) + 1
            if not coarse.size:
                break
            middles = (places[coarse] + places[coarse + 1]) / 2
            places, values = np.insert(places, coarse + 1, middles), np.insert(values, coarse + 1, self.cdf(middles))
        return places, values
