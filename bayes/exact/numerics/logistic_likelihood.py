"""The likelihood of logistic regression with two coefficients, whether its classes are separable, and a Bernoulli."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bayes.exact.numerics.exact_sums import difference_of_products

BLOCK = 2**15
"""Terms of the log likelihood that are computed at once, so that they fit in a cache."""

HALVINGS = 9
"""Times that factors, of 2 at most, are multiplied in pairs: float64 has room for products of 2^9."""

type Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The data, with equal rows of the design as one."""

    x: Array
    """Different rows of the design, (G, 2)."""
    ones: Array
    """How many observations of each are 1, (G,)."""
    zeros: Array
    """How many are 0, (G,)."""

    def log_likelihood(self, beta0: Array, beta1: Array) -> Array:
        """Return log p(y | beta) for coefficients of one shape."""
        flat = np.stack([np.ravel(beta0), np.ravel(beta1)])
        values = np.empty(flat.shape[1])
        for block in np.array_split(np.arange(flat.shape[1]), 1 + flat.shape[1] * len(self.x) // BLOCK):
            eta = self.x @ flat[:, block]
            # log inv_logit(eta) = -max(-eta, 0) - log(1 + exp(-|eta|)), and every term has the same sign
            linear = self.ones @ np.maximum(-eta, 0) + self.zeros @ np.maximum(eta, 0)
            values[block] = -(linear + _log_product(eta, self.ones + self.zeros))
        return values.reshape(np.shape(beta0))

    def separable(self, free: NDArray[np.bool_]) -> bool:
        """Return whether coefficients, of which those in ``free`` (2,) may be of any size, separate zeros from ones.

        That is, (2 y_i - 1) x_i . d >= 0 for all i, for some d that is 0 where ``free`` is False. Then the likelihood
        does not fall along d (Albert and Anderson 1984, "On the existence of maximum likelihood estimates in logistic
        regression models").
        """
        signed = np.vstack([self.x[self.ones > 0], -self.x[self.zeros > 0]])
        if not free.all():
            column = signed[:, free]
            return bool(free.any() and (np.all(column >= 0) or np.all(column <= 0)))
        signed = signed[np.any(signed != 0, axis=1)]
        if not len(signed):
            return True
        # All lie in a half-plane if and only if their angles leave a gap of pi or more. One of its ends is then
        # perpendicular to d.
        signed = signed[np.argsort(np.arctan2(signed[:, 1], signed[:, 0]))]
        angles = np.arctan2(signed[:, 1], signed[:, 0])
        gap = int(np.argmax(np.diff(np.append(angles, angles[0] + 2 * np.pi))))
        ends = signed[[gap, (gap + 1) % len(signed)]]
        # without rounding, because rows that agree with each other decide it: x_i . d = x_i1 e_0 - x_i0 e_1
        sides = [difference_of_products(signed[:, 1], e[0], signed[:, 0], e[1]) for e in ends]
        return any(bool(np.all(side >= 0) or np.all(side <= 0)) for side in sides)


def _log_product(eta: Array, counts: Array) -> Array:
    """Return the log of the product of (1 + exp(-|eta|))^count over the rows of ``eta`` (G, M); it overwrites ``eta``.

    Rows with a count of 1 share logarithms, which take more time than all else: (1 + a)(1 + b) = 1 + (a + b (1 + a)).
    All terms are positive, so that small ones keep their digits.
    """
    np.negative(np.abs(eta, out=eta), out=eta)
    e = np.exp(eta, out=eta)
    total = counts[counts > 1] @ np.log1p(e[counts > 1])
    a = e[counts == 1]
    for _ in range(HALVINGS):
        half = len(a) // 2
        a[:half] += a[half : 2 * half] * (1 + a[:half])
        a = a[:half] if len(a) == 2 * half else np.concatenate([a[:half], a[-1:]])
    total += np.log1p(a).sum(axis=0)
    return total


def grouped(design: Array, y: NDArray[np.int64]) -> Rows:
    """Return the observations ``y`` (n,) at the rows of ``design`` (n, 2), with equal rows as one."""
    x, place = np.unique(design, axis=0, return_inverse=True)
    ones = np.bincount(place.ravel(), weights=y, minlength=len(x))
    return Rows(x=x, ones=ones, zeros=np.bincount(place.ravel(), minlength=len(x)) - ones)


class _LogitBernoulli(stats.rv_discrete):
    """A Bernoulli whose parameter is log(p / (1 - p)), so that small probabilities keep their digits."""

    def _argcheck(self, log_odds: Any) -> Any:
        return np.isfinite(log_odds)

    def _logpmf(self, x: Any, log_odds: Any) -> Any:
        return special.log_expit(np.where(x == 1, log_odds, -log_odds))

    def _pmf(self, x: Any, log_odds: Any) -> Any:
        return special.expit(np.where(x == 1, log_odds, -log_odds))

    def _cdf(self, x: Any, log_odds: Any) -> Any:
        return np.where(x < 1, special.expit(-log_odds), 1.0)

    def _ppf(self, q: Any, log_odds: Any) -> Any:
        return np.where(q <= special.expit(-log_odds), 0.0, 1.0)

    def _stats(self, log_odds: Any) -> tuple[Any, Any, Any, Any]:
        mean, variance, skewness, kurtosis = stats.bernoulli.stats(special.expit(log_odds), moments="mvsk")
        return mean, variance, skewness, kurtosis


logit_bernoulli: Any = _LogitBernoulli(a=0, b=1, name="logit_bernoulli", shapes="log_odds")
