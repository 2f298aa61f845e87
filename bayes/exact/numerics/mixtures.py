"""Mixtures of normals that do no work before they are asked for it: a model has hundreds of them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr

from bayes.exact.numerics.boxes import Tabulated, mixture_marginal
from bayes.exact.numerics.quantiles import quantile

type Array = NDArray[np.float64]
type Components = tuple[Array, Array, Array]
"""Weights that sum to 1, means and standard deviations, all (M,)."""

SEVERAL = 1000
"""Components up to which a quantile is computed from their sum; for more of them a table on panels is made first."""
MANY = 2**22
"""Places times components from which on a probability is read from that table."""
BLOCK = 2**18
"""Places times components that are computed at once, which bounds the memory."""
NEAR = np.linspace(-8, 8, 65)
"""Where the search for a quantile begins, in standard deviations from the mean."""


class LazyMixture:
    """A mixture of normals that is made when it is needed.

    ``few`` returns components, with means measured from ``origin``, that have its probabilities and its moments.
    ``full`` returns more of them, which have its tails too. Its moments exist below ``power``, that of its tails.
    """

    def __init__(
        self, few: Callable[[], Components], full: Callable[[], Components], *, origin: float, power: float
    ) -> None:
        self._make_few, self._make_full, self._origin, self._power = few, full, origin, power

    def mean(self) -> float:
        """Return the mean."""
        return self._origin + self._centre if self._power > 1 else np.nan

    def var(self) -> float:
        """Return the variance."""
        return self._spread**2 if self._power > 2 else np.inf

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def logpdf(self, x: Any) -> Any:
        """Return the log density, which is finite even where the density is 0 in float64."""
        weights, means, sds = self._full
        log_weights = np.log(weights / sds / np.sqrt(2 * np.pi))
        return self._summed(
            self._from_origin(x), len(weights), lambda x: logsumexp(log_weights - ((x - means) / sds) ** 2 / 2, axis=1)
        )

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return self._table.cdf(self._from_origin(x)) if self._is_long(x) else self._cdf(self._from_origin(x))

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        if self._is_long(x):
            return self._table.sf(self._from_origin(x))
        weights, means, sds = self._few
        return self._summed(self._from_origin(x), len(weights), lambda x: ndtr((means - x) / sds) @ weights)

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        if len(self._few[0]) > SEVERAL:
            return self._origin + self._table.ppf(q)
        return self._origin + quantile(self._cdf, self._pdf, *self._grid, q)[()]

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        rng = np.random.default_rng(random_state)
        weights, means, sds = self._full
        component = rng.choice(len(weights), size=size, p=weights)
        return self._origin + rng.normal(means[component], sds[component])

    @cached_property
    def _few(self) -> Components:
        return self._make_few()

    @cached_property
    def _full(self) -> Components:
        return self._make_full()

    @cached_property
    def _centre(self) -> float:
        """The mean of the components, measured from the origin."""
        weights, means, _ = self._few
        return float(weights @ means)

    @cached_property
    def _spread(self) -> float:
        """The standard deviation of the components."""
        weights, means, sds = self._few
        return float(np.sqrt(weights @ (sds**2 + (means - self._centre) ** 2)))

    @cached_property
    def _table(self) -> Tabulated:
        """The mixture measured from its origin, on panels."""
        return mixture_marginal(*self._few)

    @cached_property
    def _grid(self) -> tuple[Array, Array]:
        """Places near and far, measured from the origin, and the CDF there."""
        _, means, sds = self._few
        near = self._centre + self._spread * NEAR
        grid = np.sort(np.concatenate([near, [np.min(means - 9 * sds), np.max(means + 9 * sds)]]))
        return grid, self._cdf(grid)

    def _is_long(self, x: Any) -> bool:
        return np.size(x) * len(self._few[0]) > MANY

    def _from_origin(self, x: Any) -> Array:
        return np.asarray(x, dtype=float) - self._origin

    def _cdf(self, x: Array) -> Any:
        """Return P(X <= origin + x)."""
        weights, means, sds = self._few
        return self._summed(x, len(weights), lambda x: ndtr((x - means) / sds) @ weights)

    def _pdf(self, x: Array) -> Any:
        """Return the density at origin + x."""
        weights, means, sds = self._few
        factors = weights / sds / np.sqrt(2 * np.pi)
        return self._summed(x, len(weights), lambda x: np.exp(-(((x - means) / sds) ** 2) / 2) @ factors)

    def _summed(self, x: Array, components: int, f: Callable[[Array], Array]) -> Any:
        """Return f of places (block, 1), in blocks."""
        blocks = np.array_split(x.reshape(-1, 1), 1 + x.size * components // BLOCK)
        return np.concatenate([f(block) for block in blocks]).reshape(x.shape)[()]
