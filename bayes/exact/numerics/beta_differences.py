"""The difference of two independent betas, by one integral.

It is computed by the trapezoid rule after a double exponential substitution, which reaches rounding in spite of powers
at the ends (Takahasi and Mori 1974, "Double exponential formulas for numerical integration").
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit

from bayes.exact.numerics import distributions
from bayes.exact.numerics.quantiles import quantile

REACH = 3.2
"""Where the substitution ends: there the places are 1e-17 from the ends, relative to the interval."""
NODES = 80
"""Nodes of the rule for wide densities. For narrow ones there are ``FINENESS`` in the narrower density's sd besides."""
FINENESS = 10.0
INSIDE = 1e-300, 1 - 1e-16
"""The first and the last place inside 0 and 1, where a density may be infinite."""


class BetaDifference:
    """The distribution of x - y for independent x and y, betas with the parameters ``first`` and ``second`` (2,).

    Probabilities and densities are right to 1e-13 where no parameter is below 1. If one is, the beta has a pole, near
    which places are rounded: then probabilities are right to 1e-9, and the density has few digits.
    """

    def __init__(self, first: tuple[float, float], second: tuple[float, float]) -> None:
        self._parameters = first, second
        self._x, self._y = distributions.beta(*first), distributions.beta(*second)
        nodes = int(NODES + FINENESS / min(self._x.std(), self._y.std()))
        s = np.linspace(-REACH, REACH, nodes)
        # y = low + (high - low) / (1 + exp(-pi sinh s))
        self._places = expit(np.pi * np.sinh(s))
        self._weights = np.pi * np.cosh(s) * self._places * expit(-np.pi * np.sinh(s)) * (2 * REACH / (nodes - 1))

    def mean(self) -> float:
        """Return the mean."""
        return float(self._x.mean() - self._y.mean())

    def var(self) -> float:
        """Return the variance."""
        return float(self._x.var() + self._y.var())

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def pdf(self, d: Any) -> Any:
        """Return the density."""
        return self._integral(lambda y, d: self._x.pdf(np.clip(y + d, *INSIDE)) * self._y.pdf(y), d)

    def logpdf(self, d: Any) -> Any:
        """Return the log density."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(d))

    def cdf(self, d: Any) -> Any:
        """Return P(x - y <= d)."""
        # = integral of P(x <= y + d) p(y) over the y with y + d between 0 and 1, + P(y > 1 - d)
        d = np.asarray(d, dtype=float)
        inside = self._integral(lambda y, d: betainc(*self._parameters[0], np.clip(y + d, *INSIDE)) * self._y.pdf(y), d)
        return np.where(d >= 1, 1.0, np.minimum(inside + self._y.sf(1 - d), 1.0))[()]

    def sf(self, d: Any) -> Any:
        """Return P(x - y > d)."""
        first, second = self._parameters
        return BetaDifference(second, first).cdf(-np.asarray(d, dtype=float))

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        return np.clip(quantile(self.cdf, self.pdf, *self._grid, q), -1, 1)[()]

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        rng = np.random.default_rng(random_state)
        return self._x.rvs(size=size, random_state=rng) - self._y.rvs(size=size, random_state=rng)

    def _integral(self, f: Callable[[Any, Any], Any], d: Any) -> Any:
        """Return the integral of f(y, d) over the y for which y and y + d are between 0 and 1."""
        d = np.asarray(d, dtype=float)

        def block(d: Any) -> Any:
            low, high = np.maximum(0, -d), np.minimum(1, 1 - d)
            y = np.clip(low + (high - low) * self._places, *INSIDE)
            return np.where(high > low, f(y, d) * (high - low), 0.0) @ self._weights

        return np.concatenate([block(part[:, None]) for part in np.array_split(d.ravel(), 1 + d.size // 500)]).reshape(
            d.shape
        )[()]

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        places = np.unique(np.clip(self.mean() + self.std() * np.linspace(-10, 10, 81), -1, 1))
        places = np.unique(np.concatenate([[-1.0], places, [1.0]]))
        return places, self.cdf(places)
