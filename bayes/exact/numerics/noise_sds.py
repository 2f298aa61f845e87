"""The distribution of a standard deviation whose variance has an inverse-gamma distribution."""

from typing import Any

import numpy as np
from scipy import stats

from bayes.exact.numerics.distributions import inverse_gamma
from bayes.exact.numerics.log_gamma import log_rising


class _RootInverseGamma(stats.rv_continuous):
    """The square root x of an InverseGamma(a, 1). With the scale b, the square is InverseGamma(a, b^2)."""

    def _logpdf(self, x: Any, a: Any) -> Any:
        # p(x) = 2 x p(x^2)
        return np.log(2 * x) + inverse_gamma.logpdf(x**2, a)

    def _pdf(self, x: Any, a: Any) -> Any:
        return np.exp(self._logpdf(x, a))

    def _cdf(self, x: Any, a: Any) -> Any:
        return inverse_gamma.cdf(x**2, a)

    def _sf(self, x: Any, a: Any) -> Any:
        return inverse_gamma.sf(x**2, a)

    def _ppf(self, q: Any, a: Any) -> Any:
        return np.sqrt(inverse_gamma.ppf(q, a))

    def _isf(self, q: Any, a: Any) -> Any:
        return np.sqrt(inverse_gamma.isf(q, a))

    def _rvs(self, a: Any, size: Any = None, random_state: Any = None) -> Any:
        return random_state.gamma(a, size=size) ** -0.5

    def _stats(self, a: Any) -> tuple[Any, Any, Any, Any]:
        # E x = Gamma(a - 1/2) / Gamma(a) = e^-l / sqrt(a),    E x^2 = 1 / (a - 1) = (1 + 1 / (a - 1)) / a
        a = np.asarray(a, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = log_rising(np.maximum(a - 0.5, 1e-9), 0.5)
            mean = np.where(a > 0.5, np.exp(-log_ratio) / np.sqrt(a), np.inf)
            var = np.where(a > 1, (1 / (a - 1) - np.expm1(-2 * log_ratio)) / a, np.where(a > 0.5, np.inf, np.nan))
        return mean, var, None, None


root_inverse_gamma = _RootInverseGamma(a=0.0, name="root_inverse_gamma")
