"""Distributions that need one integral: that of a positive number, and mixtures of normals.

Both have the methods of a frozen ``scipy.stats`` distribution. An integral over a positive x is computed in v = log x,
with Gauss-Legendre nodes in panels on which the integrand is a polynomial to rounding (Trefethen 2013, Approximation
Theory and Approximation Practice, chapter 19). It ends at the two points where the integrand is e^-40 of its value at
the centre.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr
from scipy.stats import norm

from bayes.exact.numerics.quantiles import quantile

ORDER = 20
"""Gauss-Legendre nodes in each panel."""
REACH = 40.0
"""How far v goes beyond the scales of the problem. Tails of x^-1 and of x fall at least as fast as e^-abs(v)."""
BLOCK = 2**17
"""Places times components of a mixture that are computed at once: a megabyte, which fits in a cache."""
DEEP = 40.0
"""Nats below the peak from which on the tails of a mixture are computed place by place; 1e-13 of them is cut there."""
_X, _WEIGHTS = legendre.leggauss(ORDER)
_TO_SERIES = _WEIGHTS[:, None] * legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2


class LogQuadrature:
    """The integral over v from ``low`` to ``high`` of exp(``log_density(v)``), in panels no wider than ``width``."""

    def __init__(self, log_density: Callable[[Any], Any], low: float, high: float, width: float) -> None:
        self.edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
        self._half = (self.edges[1] - self.edges[0]) / 2
        self._v = (self.edges[:-1] + self._half)[:, None] + self._half * _X  # (panels, ORDER)
        log_f = log_density(self._v.ravel()).reshape(self._v.shape)
        peak = log_f.max()
        self._f = np.exp(log_f - peak)
        integral = float((self._f @ _WEIGHTS).sum() * self._half)
        self.log_integral = float(peak + np.log(integral))
        self._f /= integral

    @property
    def nodes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places v, and weights that sum to 1, for expectations under the normalised density."""
        weights = (self._f * _WEIGHTS * self._half).ravel()
        positive = weights > 0  # far nodes too: they carry the second moment of a heavy tail
        return self._v.ravel()[positive], weights[positive] / weights[positive].sum()

    def cdf(self, v: Any) -> Any:
        """Return the integral from ``low`` to v of the normalised density."""
        panel, inside = self._inside(v)
        return np.clip(self._below[panel] + inside, 0, 1)

    def sf(self, v: Any) -> Any:
        """Return the integral from v to ``high`` of the normalised density."""
        panel, inside = self._inside(v)
        return np.clip(self._above[panel] + (self._masses[panel] - inside), 0, 1)

    def _inside(self, v: Any) -> tuple[Any, Any]:
        """Return the panel that v lies in, and the integral over it up to v."""
        place = np.clip((v - self.edges[0]) / (2 * self._half), 0, len(self.edges) - 2)
        panel = np.nan_to_num(place).astype(int)  # the panel of a nan does not matter: the result is nan
        x = np.clip((v - self.edges[panel]) / self._half - 1, -1, 1)
        return panel, legendre.legval(x, self._antiderivative[:, panel], tensor=False)

    @cached_property
    def _antiderivative(self) -> NDArray[np.float64]:
        """(ORDER + 1, panels) Legendre coefficients of the integral from the left edge of each panel."""
        return legendre.legint(self._f @ _TO_SERIES, lbnd=-1, axis=1).T * self._half

    @cached_property
    def _below(self) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(self._masses)])

    @cached_property
    def _above(self) -> NDArray[np.float64]:
        return np.concatenate([np.cumsum(self._masses[::-1])[-2::-1], [0.0]])

    @cached_property
    def _masses(self) -> NDArray[np.float64]:
        return self._f @ _WEIGHTS * self._half


class Positive:
    """The distribution of a positive x with the unnormalised ``log_density`` of v = log x.

    ``moments`` is the number of moments that x has. A mean or variance that does not exist is infinite.
    """

    def __init__(self, log_density: Callable[[Any], Any], low: float, high: float, width: float, moments: int) -> None:
        self._log_density, self._moments = log_density, moments
        self._quadrature = LogQuadrature(log_density, low, high, width)

    def logpdf(self, x: Any) -> Any:
        """Return the logarithm of the density of x."""
        x = np.asarray(x, dtype=float)
        v = np.log(np.where(x > 0, x, 1.0))
        log_density = self._log_density(np.atleast_1d(v)).reshape(np.shape(v)) - self._quadrature.log_integral - v
        return np.where(x > 0, log_density, np.where(np.isnan(x), np.nan, -np.inf))[()]

    def pdf(self, x: Any) -> Any:
        """Return the density of x."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return self._integral(self._quadrature.cdf, x)

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        return self._integral(self._quadrature.sf, x)

    def _integral(self, function: Callable[[Any], Any], x: Any) -> Any:
        with np.errstate(divide="ignore"):
            v = np.maximum(np.log(np.maximum(x, 0)), self._quadrature.edges[0])
        return function(np.atleast_1d(v)).reshape(np.shape(v))[()]

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        cdf, edges = self._quadrature.cdf, self._quadrature.edges
        return np.exp(quantile(cdf, lambda v: self.pdf(np.exp(v)) * np.exp(v), edges, cdf(edges), q))[()]

    def mean(self) -> float:
        """Return the mean."""
        v, weights = self._quadrature.nodes
        return float(weights @ np.exp(v)) if self._moments >= 1 else np.inf

    def var(self) -> float:
        """Return the variance."""
        v, weights = self._quadrature.nodes
        return float(weights @ (np.exp(v) - self.mean()) ** 2) if self._moments >= 2 else np.inf

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        return self.ppf(np.random.default_rng(random_state).random(size))


class Mixture:
    """A mixture of normals: ``weights`` (G,) that sum to 1, ``means`` (G,) measured from ``origin``, and ``sds`` (G,).

    ``moments`` is the number of its moments, if the weights stand for a continuum whose tail they cut.
    """

    def __init__(
        self,
        weights: NDArray[np.float64],
        means: NDArray[np.float64],
        sds: NDArray[np.float64],
        moments: int,
        origin: float,
    ) -> None:
        self._weights, self._means, self._sds, self._moments, self._origin = weights, means, sds, moments, origin

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return self._average(lambda z: np.exp(-(z**2) / 2) / self._sds, x) / np.sqrt(2 * np.pi)

    def logpdf(self, x: Any) -> Any:
        """Return the log density, which is finite even where the density is 0 in float64."""
        log_weights = self._log_weights
        return self._evaluate(lambda z: logsumexp(log_weights - z**2 / 2, axis=1), x)

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return self._average(ndtr, x)

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        return self._average(lambda z: ndtr(-z), x)

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        centred = self._centred
        return self._origin + quantile(centred.cdf, centred.pdf, *centred._grid, q)[()]

    def mean(self) -> float:
        """Return the mean."""
        return float(self._origin + self._weights @ self._means) if self._moments >= 1 else np.nan

    def var(self) -> float:
        """Return the variance."""
        if self._moments < 2:
            return np.inf
        return float(self._weights @ (self._sds**2 + (self._means - self._weights @ self._means) ** 2))

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        rng = np.random.default_rng(random_state)
        component = rng.choice(len(self._weights), size=size, p=self._weights)
        return self._origin + rng.normal(self._means[component], self._sds[component])

    def _average(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Return the weighted mean of f(z) over the components."""
        return self._evaluate(lambda z: f(z) @ self._weights, x)

    def _evaluate(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Return f of z (block, G) for every place, in blocks, because a million draws would need gigabytes."""
        x = np.asarray(x, dtype=float) - self._origin
        blocks = np.array_split(x.ravel(), 1 + x.size * len(self._means) // BLOCK)
        values = [f((block[:, None] - self._means) / self._sds) for block in blocks]
        return np.concatenate(values).reshape(x.shape)[()]

    @cached_property
    def _log_weights(self) -> NDArray[np.float64]:
        """Logarithms of the components' weighted densities at their means."""
        return np.log(self._weights) - np.log(self._sds) - np.log(2 * np.pi) / 2

    @cached_property
    def _centred(self) -> "Mixture":
        """The same mixture with origin 0. Its quantiles keep their digits."""
        return Mixture(self._weights, self._means, self._sds, self._moments, origin=0.0)

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places that are dense where the mass is and reach as far as any component, and the CDF there."""
        levels = norm.cdf(np.linspace(-8.2, 8.2, 83))[:, None]
        subset = np.unique(np.linspace(0, len(self._means) - 1, 80).astype(int))
        quantiles = norm.ppf(levels, self._means[subset], self._sds[subset])
        ends = norm.ppf([[1e-17], [1 - 1e-16]], self._means, self._sds)
        places = np.unique(np.concatenate([quantiles.ravel(), ends.ravel()]))
        return places, self.cdf(places)


class MixtureWithTails(Mixture):
    """A mixture whose log density in the tails is ``log_density``: where it is more than ``DEEP`` nats below the peak.

    The tails consist of components that the weights cut.
    """

    def __init__(self, *args: Any, log_density: Callable[[float], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log_density = log_density

    def logpdf(self, x: Any) -> Any:
        """Return the log density. In the tails each place takes about 10 ms."""
        logs = np.array(super().logpdf(x))
        tails = (logs < logsumexp(self._log_weights) - DEEP) & np.isfinite(x)
        logs[tails] = [self._log_density(place) for place in np.asarray(x, dtype=float)[tails].tolist()]
        return logs[()]
