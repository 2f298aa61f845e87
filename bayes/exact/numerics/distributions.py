"""SciPy's distributions, with densities that keep their digits. ``posterior`` and ``predictive`` return them.

They are frozen ``scipy.stats`` distributions with all their methods. The densities are computed without subtracting
log-gammas (``log_gamma``). The location of a normal or a Student's t need not be a float64 (``Located``). A log density
is right to 1e-12 relative to max(1, abs(answer)). The last bit of a number near a parameter a adds an error of
sqrt(a) 1e-16, which is 1e-12 at a = 1e8.

CDFs and quantiles are SciPy's, except for the tails of Student's t beyond 1e100, which are powers. Measured against 50
digits (`benchmarks/exactness.py`, `tests/bayes/exact/numerics/test_distributions.py`), in probability: those
of the gamma, the inverse gamma and Student's t are right to 2e-14 for parameters from 1e-8 to 1e15; those of the beta,
and with it of the gamma-Poisson's predictive, to 1e-12 for parameters from 1e-8 to 1e9, and no better than 3e-5 at
1e12. Quantiles are right to the precision of the place, sqrt(a) 1e-17; those of the beta are 1.5 % off at 1e15. Below
a = 1e-2 many quantiles are beyond float64: they are inf, or below 1e-307.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special, stats

from bayes.exact.numerics import matrices
from bayes.exact.numerics.exact_sums import difference_of_products, two_sum
from bayes.exact.numerics.log_gamma import (
    deviance,
    log_dirichlet,
    log_dirichlet_multinomials,
    log_rising,
    quotient_log,
    remainder,
)
from bayes.exact.numerics.matrices import Matrix, digits, inverse, log_det, solve_lower, split, to_decimal, to_float
from bayes.exact.numerics.sums_over_integers import SummedDistribution

Frozen: Any = type(stats.norm())
FrozenVector: Any = type(stats.multivariate_normal([0.0]))
FAR = 1e100
"""Beyond this the tail of Student's t is a power, to rounding, for any degrees of freedom at which it is not 0."""
LARGEST_GROWTH = 1e6
"""Largest growth of rounding errors in whitening that one refinement removes: (1e6 eps)^2 is 1e-20."""
FrozenCounts: Any = type(stats.dirichlet_multinomial([1.0, 1.0], 1))


class Located(Frozen):
    """A frozen SciPy distribution with a location that is not a float64 but the sum ``loc`` + ``rest``.

    So densities and probabilities near 1e16 are as accurate as those near 0. Parameters may be arrays.
    """

    def __init__(self, dist: Any, *shapes: ArrayLike, loc: Any, rest: Any, scale: Any) -> None:
        # SciPy makes the distribution anew from its source, which takes ten times longer than the rest. A copy of
        # its attributes does the same: a random state of its own.
        self.args, self.kwds = shapes, {"loc": loc, "scale": scale}
        self.dist = object.__new__(type(dist))
        vars(self.dist).update(vars(dist))
        self.a, self.b = self.dist._get_support(*shapes)
        self._shapes, self._loc, self._rest, self._scale = shapes, loc, rest, scale

    def element(self, place: tuple[int, ...]) -> "Located":
        """Return the distribution of one element of an array-valued distribution."""
        shape = np.shape(self.mean())
        loc, rest, scale, *shapes = (
            np.broadcast_to(value, shape)[place] for value in (self._loc, self._rest, self._scale, *self._shapes)
        )
        return Located(self.dist, *shapes, loc=loc, rest=rest, scale=scale)

    def _standard(self, x: ArrayLike) -> Any:
        return ((np.asarray(x, dtype=float) - self._loc) - self._rest) / self._scale

    def ppf(self, q: ArrayLike) -> Any:
        return self._loc + (self._rest + self._scale * self.dist.ppf(q, *self._shapes))

    def isf(self, q: ArrayLike) -> Any:
        return self._loc + (self._rest + self._scale * self.dist.isf(q, *self._shapes))

    def logpdf(self, x: ArrayLike) -> Any:
        return self.dist.logpdf(self._standard(x), *self._shapes) - np.log(self._scale)

    def pdf(self, x: ArrayLike) -> Any:
        return self.dist.pdf(self._standard(x), *self._shapes) / self._scale

    def cdf(self, x: ArrayLike) -> Any:
        return self.dist.cdf(self._standard(x), *self._shapes)

    def sf(self, x: ArrayLike) -> Any:
        return self.dist.sf(self._standard(x), *self._shapes)

    def logcdf(self, x: ArrayLike) -> Any:
        return self.dist.logcdf(self._standard(x), *self._shapes)

    def logsf(self, x: ArrayLike) -> Any:
        return self.dist.logsf(self._standard(x), *self._shapes)


class LocatedVector(FrozenVector):
    """A multivariate normal of K elements, with its mean and the Cholesky factor of its covariance in decimals.

    It is a frozen SciPy distribution. Its density keeps its digits with a far mean and with nearly parallel elements.
    """

    def __init__(self, mean: Matrix, root: Matrix) -> None:
        with digits():
            self._mean, self._root, self._log_det = mean, root, float(log_det(root))
            (self.loc, self.rest), (self.root, self._root_rest) = split(mean), split(root)
            # the factor by which an error of z may grow (Skeel's condition number)
            self._growth = float(np.max(np.sum(abs(inverse(root)) @ abs(root), axis=1)))
        covariance = stats.Covariance.from_cholesky(self.root)
        self._centred = FrozenVector(np.zeros(len(mean)), covariance)
        super().__init__(self.loc, covariance)

    def logpdf(self, x: ArrayLike, times: float = 1.0) -> Any:
        """Return the log density of x (..., K), nan where x is nan; the covariance is multiplied by ``times``."""
        x = np.asarray(x, dtype=float)
        shape = np.broadcast_shapes(x.shape, self.loc.shape)
        rows = np.broadcast_to(x, shape).reshape(-1, shape[-1])
        misfit = np.where(np.any(np.isnan(rows), axis=1), np.nan, np.inf)
        inside = np.all(np.isfinite(rows), axis=1)
        misfit[inside] = (self._misfit if self._growth < LARGEST_GROWTH else self._exact_misfit)(rows[inside])
        constant = shape[-1] * np.log(2 * np.pi * times) + self._log_det
        return -(constant + (misfit / times).reshape(shape[:-1])[()]) / 2

    def cdf(self, x: ArrayLike, *, lower_limit: ArrayLike | None = None, **options: Any) -> Any:
        """Return P(lower_limit < X <= x), x of shape (..., K), by scipy's integration with its ``options``."""
        low = None if lower_limit is None else self._deviation(lower_limit)
        return self._centred.cdf(self._deviation(x), lower_limit=low, **options)

    def _deviation(self, x: ArrayLike) -> NDArray[np.float64]:
        return (np.asarray(x, dtype=float) - self.loc) - self.rest

    def combination(self, weights: NDArray[np.float64]) -> tuple[Any, Any, Any]:
        """Return the rounded mean of weights . x, its rounding error, and the standard deviation."""
        with digits():
            w = to_decimal(weights)
            return *split(w @ self._mean), np.sqrt(to_float(np.sum((w @ self._root) ** 2, axis=-1)))

    def project(self, weights: NDArray[np.float64]) -> Located:
        """Return the normal distribution of weights . x, one for each row of ``weights``."""
        loc, rest, scale = self.combination(weights)
        return Located(stats.norm, loc=loc, rest=rest, scale=scale)

    def _misfit(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared norm of each row (M, K) after whitening, refined once."""
        deviation, error = two_sum(rows, -self.loc)
        z = linalg.solve_triangular(self.root, deviation.T, lower=True)  # (K, M)
        residual = (error - self.rest).T
        for i, root in enumerate(zip(self.root, self._root_rest, strict=True)):
            product, product_error = matrices.multiply(z.T, root)
            residual[i] += (deviation[:, i] - product) - product_error
        return np.sum(z * (z + 2 * linalg.solve_triangular(self.root, residual, lower=True)), axis=0)

    def _exact_misfit(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same in decimals, which takes 50 us for each element."""
        with digits():
            z = solve_lower(self._root, to_decimal(rows).T - self._mean[:, None])
            return to_float(np.sum(z * z, axis=0))

    def pdf(self, x: ArrayLike) -> Any:
        """Return the density of x (..., K)."""
        return np.exp(self.logpdf(x))


class _Gamma(type(stats.gamma)):
    def _logpdf(self, x: Any, a: Any) -> Any:
        # (a - 1) log x - x - log Gamma(a) = log(a / x) - D(a, x) - r(a)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = quotient_log(a, x) - deviance(a, x, a - x) - remainder(a)
        return np.where(x > 0, inside, special.xlogy(a - 1, 0.0) - special.gammaln(a))

    def _pdf(self, x: Any, a: Any) -> Any:
        return np.exp(self._logpdf(x, a))


class _InverseGamma(type(stats.invgamma)):
    def _logpdf(self, x: Any, a: Any) -> Any:
        # -(a + 1) log x - 1/x - log Gamma(a), the density of Gamma(a) at 1/x less 2 log x
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            inside = quotient_log(a, x) - deviance(a, 1 / x, a - 1 / x) - remainder(a)
            return np.where(np.isinf(1 / x), -np.inf, inside)

    def _ppf(self, q: Any, a: Any) -> Any:
        with np.errstate(divide="ignore", over="ignore"):  # for a < 1e-2 most quantiles are beyond float64
            return super()._ppf(q, a)

    def _isf(self, q: Any, a: Any) -> Any:
        with np.errstate(divide="ignore", over="ignore"):
            return super()._isf(q, a)


class _Beta(type(stats.beta)):
    def _logpdf(self, x: Any, a: Any, b: Any) -> Any:
        inside = (x > 0) & (x < 1)
        p = np.where(inside, x, 0.5)
        density = log_dirichlet(np.stack([p, 1 - p], axis=-1), np.stack([a, b], axis=-1))
        return np.where(inside, density, super()._logpdf(x, a, b))

    def _pdf(self, x: Any, a: Any, b: Any) -> Any:
        return np.exp(self._logpdf(x, a, b))


class _StudentT(type(stats.t)):
    def _logpdf(self, x: Any, df: Any) -> Any:
        # log Gamma(a + 1/2) - log Gamma(a) - 1/2 log(2 pi a) - (a + 1/2) log(1 + x^2 / (2 a)),    a = df / 2
        a = df / 2
        far = abs(x) > 1e150  # the square is infinite
        square = np.square(np.where(far, 0.0, x)) / df
        with np.errstate(divide="ignore", over="ignore"):
            log1p = np.where(far, 2 * np.log(abs(x)) - np.log(df), np.log1p(square))
        return log_rising(a, 0.5) + np.log1p(0.5 / a) / 2 - np.log(2 * np.pi) / 2 - (a + 0.5) * log1p

    def _cdf(self, x: Any, df: Any) -> Any:
        with np.errstate(divide="ignore"):
            tail = np.exp(np.minimum(-df * np.log(abs(x)) - self._log_tail(df), 0.0))
        return np.where(abs(x) < FAR, special.stdtr(df, x), np.where(x < 0, tail, 1 - tail))

    def _sf(self, x: Any, df: Any) -> Any:
        return self._cdf(-x, df)

    def _ppf(self, q: Any, df: Any) -> Any:
        tail = np.minimum(q, 1 - q)
        with np.errstate(divide="ignore", over="ignore"):
            far = np.exp(-(np.log(tail) + self._log_tail(df)) / df)
        inside = np.where(far < FAR, q, 0.5)
        return np.where(far < FAR, special.stdtrit(df, inside), np.where(q < 0.5, -far, far))

    def _isf(self, q: Any, df: Any) -> Any:
        return -self._ppf(q, df)

    def _log_tail(self, df: Any) -> Any:
        """Return c, P(X > x) = x^-df e^-c for large x: 1/2 w^a / (a B(a, 1/2)), w = df / x^2, a = df / 2."""
        a = df / 2
        return np.log(2) + special.gammaln(a + 1) - special.gammaln(a + 0.5) + np.log(np.pi) / 2 - a * np.log(df)


class _Lomax(type(stats.lomax)):
    def _stats(self, c: Any) -> tuple[Any, Any, Any, Any]:
        # SciPy computes it as the mean of 1 + X, minus 1
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(c > 1, 1 / (c - 1), np.inf)
            var = np.where(c > 2, c / (c - 1) / (c - 1) / (c - 2), np.where(c > 1, np.inf, np.nan))
        return mean, var, *super()._stats(c)[2:]

    def _pdf(self, x: Any, c: Any) -> Any:
        return np.exp(self._logpdf(x, c))


class _BetaBinomial(type(stats.betabinom)):
    def _stats(self, n: Any, a: Any, b: Any, moments: str = "mv") -> tuple[Any, Any, Any, Any]:
        # SciPy computes the probability of failure as 1 minus that of success
        p, q = a / (a + b), b / (a + b)
        return n * p, n * p * q * ((a + b + n) / (a + b + 1)), *super()._stats(n, a, b, moments)[2:]

    def _logpmf(self, x: Any, n: Any, a: Any, b: Any) -> Any:
        k = np.floor(x)
        return log_dirichlet_multinomials(np.stack([k, n - k], axis=-1), np.stack(np.broadcast_arrays(a, b), axis=-1))

    def _cdf(self, x: Any, n: Any, a: Any, b: Any) -> Any:
        return self._evaluate(lambda summed, k: summed.cdf(np.floor(k)), x, n, a, b)

    def _ppf(self, q: Any, n: Any, a: Any, b: Any) -> Any:
        return self._evaluate(lambda summed, q: summed.ppf(q), q, n, a, b)

    def _evaluate(self, function: Callable[[Any, Any], Any], values: Any, n: Any, a: Any, b: Any) -> Any:
        """Return a function of the probabilities of 0, ..., n, which are added up once for all values."""
        values, n, a, b = np.broadcast_arrays(values, n, a, b)
        results = np.empty(values.shape)
        for m, successes, failures in set(zip(n.ravel().tolist(), a.ravel().tolist(), b.ravel().tolist(), strict=True)):
            same_parameters = (n == m) & (a == successes) & (b == failures)
            results[same_parameters] = function(self._summed(int(m), successes, failures), values[same_parameters])
        return results

    def _summed(self, n: int, a: float, b: float) -> SummedDistribution:
        alpha = np.array([a, b])

        def pmf(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.exp(log_dirichlet_multinomials(np.stack([x, y], axis=-1), alpha))

        _, var, *_ = self._stats(n, a, b)
        return SummedDistribution(pmf, n, (n * a / (a + b), n * b / (a + b)), float(np.sqrt(var)))


class GammaPoisson(stats.rv_discrete):
    """A negative binomial with the parameters of the Gamma(a, b) of its rate. SciPy's loses 1 / (b + 1) for large b."""

    def _argcheck(self, a: Any, b: Any) -> Any:
        return (a > 0) & (b > 0)

    def _logpmf(self, x: Any, a: Any, b: Any) -> Any:
        k = np.floor(x)
        # as `log_negative_binomial` with one observation
        difference = difference_of_products(a, 1.0, k, b) / (b + 1)
        misfit = deviance(a, (a + k) / (1 + 1 / b), difference) + deviance(k, (a + k) / (b + 1), -difference)
        return remainder(a + k) - remainder(a) - remainder(k) - np.log1p(k / a) - misfit

    def _pmf(self, x: Any, a: Any, b: Any) -> Any:
        return np.exp(self._logpmf(x, a, b))

    def _cdf(self, x: Any, a: Any, b: Any) -> Any:
        k = np.floor(x)
        return np.where(b > 1, special.betaincc(k + 1, a, 1 / (b + 1)), special.betainc(a, k + 1, b / (b + 1)))

    def _sf(self, x: Any, a: Any, b: Any) -> Any:
        k = np.floor(x)
        return np.where(b > 1, special.betainc(k + 1, a, 1 / (b + 1)), special.betaincc(a, k + 1, b / (b + 1)))

    def _ppf(self, q: Any, a: Any, b: Any) -> Any:
        q, a, b = np.broadcast_arrays(q, a, b)
        low, high = np.full(q.shape, -1.0), np.zeros(q.shape)  # P(low) < q <= P(high)
        while np.any(short := self._cdf(high, a, b) < q):
            low, high = np.where(short, high, low), np.where(short, 2 * high + 1, high)
        # Beyond 2^53, floats are whole numbers further apart than 1, and the middle of two neighbours is one of them.
        while np.any(((middle := np.floor(low + (high - low) / 2)) > low) & (middle < high)):
            enough = self._cdf(middle, a, b) >= q
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return high

    def _rvs(self, a: Any, b: Any, size: Any = None, random_state: Any = None) -> Any:
        return random_state.poisson(random_state.gamma(a, size=size) / b)

    def _stats(self, a: Any, b: Any) -> tuple[Any, Any, Any, Any]:
        return a / b, a / b * (1 + 1 / b), (b + 2) / np.sqrt(a * (b + 1)), (6 + b**2 / (b + 1)) / a


def sums_of_others(alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each element, the sum of the others. Total minus element would lose the digits of a small sum."""
    before = np.concatenate([[0.0], np.cumsum(alpha[:-1])])[: len(alpha)]
    after = np.concatenate([[0.0], np.cumsum(alpha[:0:-1])])[: len(alpha)]
    return before + after[::-1]


class DirichletMultinomial(FrozenCounts):
    """A frozen SciPy Dirichlet-multinomial."""

    def logpmf(self, x: ArrayLike) -> Any:
        y = np.asarray(x, dtype=float)
        scipy_logpmf = np.asarray(super().logpmf(x))  # checks shapes, and is -inf where x has the wrong sum
        return np.where(np.isneginf(scipy_logpmf), scipy_logpmf, log_dirichlet_multinomials(y, np.squeeze(self.alpha)))[
            ()
        ]

    def pmf(self, x: ArrayLike) -> Any:
        return np.exp(self.logpmf(x))

    def var(self) -> Any:
        # the variances of beta-binomials; SciPy computes the share of the other classes as 1 minus the share
        alpha = np.squeeze(self.alpha)
        return beta_binomial.var(np.squeeze(self.n), alpha, sums_of_others(alpha))

    def cov(self) -> Any:
        covariance = super().cov()
        np.fill_diagonal(covariance, self.var())
        return covariance


gamma = _Gamma(a=0.0, name="gamma")
inverse_gamma = _InverseGamma(a=0.0, name="invgamma")
beta = _Beta(a=0.0, b=1.0, name="beta")
student_t = _StudentT(name="t")
lomax = _Lomax(a=0.0, name="lomax")
beta_binomial = _BetaBinomial(name="betabinom")
gamma_poisson = GammaPoisson(name="gamma_poisson")
