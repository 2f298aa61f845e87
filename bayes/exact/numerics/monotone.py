"""The distribution of a monotone function of a number whose distribution is tabulated."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bayes.exact.numerics.boxes import Tabulated


class Monotone:
    """The distribution of g(x), strictly ``increasing`` or decreasing, for a tabulated x.

    ``inverse`` is that of ``g``, and ``log_slope`` is the log of abs(g'(x)), a function of x. Moments are integrals
    over x: g must be as smooth as the density where it is not negligible.
    """

    def __init__(
        self,
        x: Tabulated,
        g: Callable[[Any], Any],
        inverse: Callable[[Any], Any],
        log_slope: Callable[[Any], Any],
        *,
        increasing: bool,
    ) -> None:
        self._x, self._g, self._inverse, self._log_slope, self._increasing = x, g, inverse, log_slope, increasing

    def mean(self) -> float:
        """Return the mean."""
        return self._x.expectation(self._g)

    def var(self) -> float:
        """Return the variance."""
        mean = self.mean()
        return self._x.expectation(lambda x: (self._g(x) - mean) ** 2)

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def logpdf(self, value: Any) -> Any:
        """Return the log density; -inf where there is no x."""
        with np.errstate(all="ignore"):
            x = self._inverse(np.asarray(value, dtype=float))
            exists = np.isfinite(x)
            safe = np.where(exists, x, self._x.mean())
            logs = self._x.logpdf(safe) - self._log_slope(safe)
        return np.where(exists, logs, np.where(np.isnan(value), np.nan, -np.inf))[()]

    def pdf(self, value: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(value))

    def cdf(self, value: Any) -> Any:
        """Return P(g(x) <= value)."""
        with np.errstate(all="ignore"):
            x = self._inverse(np.asarray(value, dtype=float))
        return self._x.cdf(x) if self._increasing else self._x.sf(x)

    def sf(self, value: Any) -> Any:
        """Return P(g(x) > value)."""
        with np.errstate(all="ignore"):
            x = self._inverse(np.asarray(value, dtype=float))
        return self._x.sf(x) if self._increasing else self._x.cdf(x)

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        q = np.asarray(q, dtype=float)
        return self._g(self._x.ppf(q if self._increasing else 1 - q))

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        return self._g(self._x.rvs(size, random_state))


def exponential(x: Tabulated, rate: float = 1.0) -> Monotone:
    """Return the distribution of exp(rate x)."""
    log_rate = np.log(abs(rate))
    return Monotone(
        x,
        lambda v: np.exp(rate * v),
        lambda value: np.where(value > 0, np.log(value), np.nan) / rate,
        lambda v: log_rate + rate * v,
        increasing=rate > 0,
    )
