"""Linear regression with centred predictors and a Student's t prior of the intercept: the default of brms.

::

    noise_sd ~ prior                                           prior = noise_prior
    beta_k   ~ Normal(m_k, s_k^2)                              m = prior_mean (K,), s = prior_sds (K,)
    centre   ~ StudentT(df, location, scale)                   the mean of y at the means of the predictors
    y_i      ~ Normal(centre + (x_i - xbar) . beta, noise_sd^2)    xbar = mean of x_1, ..., x_N

The columns x_i - xbar have the sum 0, so that centre and beta are independent given the noise sd: ::

    sum_i (y_i - centre - (x_i - xbar) . beta)^2 = n (ybar - centre)^2 + sum_i (y_i - ybar - (x_i - xbar) . beta)^2

Student's t is a mixture of normals: centre given lambda is Normal(location, scale^2 / lambda), and the precision lambda
is Gamma(df / 2, df / 2). Given the noise sd and lambda everything is normal. What is left is an integral over these
two, by panels of their logs (``numerics.quadrature``). The prior is that of Buerkner (2017), "brms: An R package for
Bayesian multilevel models using Stan", Journal of Statistical Software 80, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import norm
from scipy.stats import t as student_t

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.independent_regression import (
    noise_integrand,
    noise_nodes,
    projections_of,
    sds_or_inf,
    validated_scale_prior,
)
from bayes.exact.numerics import boxes, quadrature
from bayes.exact.numerics.normal_coefficients import Coefficients, coefficients
from bayes.exact.numerics.where_mass_is import mass_between
from bayes.exact.projections import Projections
from bayes.exact.scale_priors import ScalePrior


@dataclass(frozen=True, eq=False, kw_only=True)
class CentredRegression:
    """The regression with centred predictors and its hyperparameters.

    Observations ``y`` have shape (N,), one for each row of the design, because its means centre the columns. Logs are
    in nats.

    Parameters
    ----------
    design
        x, shape (N, K), with a row for each observation and no column of ones. The model centres the columns.
    prior_mean, prior_sds
        m (K,) and s (K,), means and sds of the priors of the slopes; ``inf`` is a flat prior, with density 1.
    centre_df, centre_location, centre_scale
        Degrees of freedom, location and scale of the Student's t prior of ``centre``.
    noise_prior
        The prior of the noise sd: a ``bayes.exact.scale_priors.ScalePrior``. It may be flat.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not positive, ``y`` has not N numbers or fewer than K + 4, or a number is not
        finite.

    Examples
    --------
    >>> model = CentredRegression(
    ...     design=[[0.0], [1.0], [2.0], [3.0], [4.0]],
    ...     prior_mean=[0.0],
    ...     prior_sds=[2.0],
    ...     centre_df=3.0,
    ...     centre_location=0.0,
    ...     centre_scale=10.0,
    ...     noise_prior=ScalePrior("half_t", 3.0, 10.0),
    ... )
    >>> round(float(model.marginals([1.0, 2.5, 3.0, 3.5, 5.5])["centre"].mean()), 4)
    3.0885
    """

    design: NDArray[np.float64]
    prior_mean: NDArray[np.float64]
    prior_sds: NDArray[np.float64]
    centre_df: float
    centre_location: float
    centre_scale: float
    noise_prior: ScalePrior

    def __init__(
        self,
        *,
        design: ArrayLike,
        prior_mean: ArrayLike,
        prior_sds: ArrayLike,
        centre_df: float,
        centre_location: float,
        centre_scale: float,
        noise_prior: ScalePrior,
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        K = len(self.prior_mean)
        set_field("design", validate.matrix("design", design, K))
        set_field("prior_sds", sds_or_inf("prior_sds", prior_sds, K))
        set_field("centre_df", validate.positive("centre_df", centre_df, "one is a Cauchy prior."))
        set_field("centre_location", validate.finite("centre_location", centre_location))
        hint = "a prior without width is a known centre: use a small but positive scale."
        set_field("centre_scale", validate.positive("centre_scale", centre_scale, hint))
        set_field("noise_prior", validated_scale_prior("noise_prior", noise_prior))

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(beta, centre, noise_sd | y)."""
        y = self._observations(y)
        return Joint(self, y, self._fit(y), self.log_evidence(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of the slopes ``beta[0]``, ``beta[1]``, ..., of ``centre`` and of ``noise_sd``."""
        y = self._observations(y)
        fit = self._fit(y)
        integrand = self._integrand(y, fit)
        sigma, weights, middle = noise_nodes(integrand)
        origins, means, sds = fit.combinations(np.eye(len(fit.m)), sigma, middle)
        marginals: dict[str, Distribution] = {
            f"beta[{k}]": boxes.mixture_marginal(weights, origins[k] + means[:, k], sds[:, k])
            for k in range(len(fit.m))
        }
        centre = self._at(y, np.zeros(len(fit.m)), noise=False)
        return marginals | {"centre": centre, "noise_sd": quadrature.Positive(**integrand)}

    def further_marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginal of ``intercept``, the mean of y where all predictors are 0: centre - xbar . beta."""
        return {"intercept": self._at(self._observations(y), -self.design.mean(axis=0), noise=False)}

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of beta and the noise sd that are Normal(0, 1), standardised given the noise sd."""
        y = self._observations(y)
        fit = self._fit(y)
        return projections_of(fit, float(quadrature.Positive(**self._integrand(y, fit)).ppf(0.5)))

    def predictive(self, y: ArrayLike, x_new: ArrayLike) -> Distribution:
        """Return p(y_new | y) at ``x_new`` (K,)."""
        y = self._observations(y)
        x = validate.vector("x_new", x_new)
        if len(x) != len(self.prior_mean):
            raise ValueError(f"`x_new` must have {len(self.prior_mean)} numbers, got {len(x)}.")
        return self._at(y, x - self.design.mean(axis=0), noise=True)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats; with a flat prior, the log of the integral over Lebesgue measure."""
        y = self._observations(y)
        integrand = self._integrand(y, self._fit(y))
        del integrand["moments"]
        return quadrature.LogQuadrature(**integrand).log_integral

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | centre, beta, noise_sd), in nats; ``params`` may have any leading shape."""
        y, sigma = self._observations(y), np.asarray(params["noise_sd"])[..., None]
        X = self.design - self.design.mean(axis=0)
        mean = np.asarray(params["centre"])[..., None] + np.asarray(params["beta"]) @ X.T
        return norm.logpdf(y, mean, sigma).sum(axis=-1)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Draw the parameters from the prior, and ``n`` = N observations given them; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n != len(self.design):
            raise ValueError(f"`n` must be {len(self.design)}, the rows of the design, whose means centre it, got {n}.")
        if np.isinf(self.prior_sds).any() or not self.noise_prior.proper:
            raise ValueError("a flat prior has no draws: `simulate` needs finite `prior_sds` and a proper noise prior.")
        sigma = float(self.noise_prior.distribution.rvs(random_state=rng))
        centre = self.centre_location + self.centre_scale * rng.standard_t(self.centre_df)
        beta = rng.normal(self.prior_mean, self.prior_sds)
        mean = centre + (self.design - self.design.mean(axis=0)) @ beta
        return {"beta": beta, "centre": float(centre), "noise_sd": sigma}, rng.normal(mean, sigma)

    def _fit(self, y: NDArray[np.float64]) -> Coefficients:
        """Return the slopes given any noise sd."""
        X = self.design - self.design.mean(axis=0)
        fit = coefficients(X, y - y.mean(), self.prior_mean, self.prior_sds, typical_sigma=float(np.std(y)) or 1.0)
        if fit.fits_exactly:
            raise ValueError("`y` must not be fitted exactly by the slopes: the posterior of the noise sd is at 0.")
        return fit

    def _integrand(self, y: NDArray[np.float64], fit: Coefficients) -> dict[str, Any]:
        """Return the density of the log of the noise sd, and where its mass is."""
        tau2, log_weights = self._centre_nodes(y)
        n, mean = len(y), float(y.mean())

        def factor(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
            # integral exp(-n (ybar - centre)^2 / (2 sigma^2)) p(centre) dcentre
            #     = sqrt(2 pi sigma^2 / n) sum_l w_l Normal(ybar | location, tau_l^2 + sigma^2 / n)
            sds = np.sqrt(tau2 + np.square(sigma)[:, None] / n)
            log_density = logsumexp(log_weights + norm.logpdf(mean, self.centre_location, sds), axis=1)
            return np.log(2 * pi * sigma**2 / n) / 2 + log_density

        distances = np.array([self.centre_scale, abs(mean - self.centre_location)]) * sqrt(n)
        return noise_integrand(fit, self.noise_prior, factor, distances[distances > 1e-12 * fit.c])

    def _centre_nodes(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return variances tau^2 (L,) of the normals that the prior of centre is a mixture of, and log weights."""
        a, distance = self.centre_df / 2, abs(float(y.mean()) - self.centre_location) / self.centre_scale

        def prior(v: NDArray[np.float64]) -> NDArray[np.float64]:
            # lambda = e^v ~ Gamma(a, a), but for its constant
            return a * (v - np.expm1(v))

        def with_known_mean(v: NDArray[np.float64]) -> NDArray[np.float64]:
            # times sqrt(lambda) exp(-lambda distance^2 / 2): what data without noise make of it
            return prior(v) + v / 2 - np.exp(v) * distance**2 / 2

        low = -2 * log(1 + distance) - 2 * quadrature.REACH / self.centre_df - 1
        ends = [mass_between(f, low, 6.0 + max(0.0, -log(a)), a + 1, 0) for f in (prior, with_known_mean)]
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        # The trapezoid rule errs by e^-(pi^2 / step), and by e^-(2 pi^2 / (a step^2)) where the peak is narrow.
        v = np.arange(low, high, min(0.25, 0.7 / sqrt(a + 1)))
        log_weights = prior(v)
        return self.centre_scale**2 * np.exp(-v), log_weights - logsumexp(log_weights)

    def _given(
        self, y: NDArray[np.float64], sigma: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the mixture that centre is given each noise sd: log weights, means less ybar, variances, (G, L)."""
        tau2, log_weights = self._centre_nodes(y)
        distance, var = self.centre_location - y.mean(), np.square(sigma)[:, None] / len(y)
        total = tau2 + var
        log_weights = log_weights - (np.log(total) + distance**2 / total) / 2
        return log_weights - logsumexp(log_weights, axis=1)[:, None], distance * var / total, tau2 * var / total

    def _at(self, y: NDArray[np.float64], offset: NDArray[np.float64], *, noise: bool) -> Distribution:
        """Return the distribution of centre + offset . beta, or of an observation there."""
        fit = self._fit(y)
        sigma, weights, middle = noise_nodes(self._integrand(y, fit))
        log_weights, steps, var = self._given(y, sigma)
        origins, means, sds = fit.combinations(offset[None], sigma, middle)
        joint, steps = weights[:, None] * np.exp(log_weights), steps + means
        var = var + sds**2 + (np.square(sigma)[:, None] if noise else 0.0)
        # without those that show neither in a probability nor in the variance
        shares = (joint * (1 + (var + steps**2) / np.sum(joint * var))).ravel()
        order = np.argsort(shares)
        kept = np.unravel_index(order[np.cumsum(shares[order]) > 1e-15], joint.shape)
        weights = joint[kept] / joint[kept].sum()
        return boxes.mixture_marginal(weights, float(y.mean() + origins[0]) + steps[kept], np.sqrt(var[kept]))

    def _observations(self, y: ArrayLike) -> NDArray[np.float64]:
        y, (N, K) = validate.observations(y), self.design.shape
        if len(y) != N:
            raise ValueError(
                f"`y` must have {N} numbers, one a row of the design, whose means centre it, got {len(y)}."
            )
        if N < K + 4:
            raise ValueError(
                f"`y` must have at least K + 4 = {K + 4} numbers, got {N}; `IndependentRegression` takes fewer, with a "
                "normal prior of the intercept."
            )
        return y


@dataclass(frozen=True)
class Joint:
    """The posterior of beta, centre and noise_sd."""

    model: CentredRegression
    y: NDArray[np.float64]
    fit: Coefficients
    log_evidence: float

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``beta`` (K,), ``centre`` and ``noise_sd``, in nats."""
        model, beta = self.model, np.asarray(params["beta"], dtype=float)
        centre, sigma, proper = params["centre"], params["noise_sd"], np.isfinite(model.prior_sds)
        prior = (
            model.noise_prior.logpdf(sigma)
            + student_t.logpdf(centre, model.centre_df, model.centre_location, model.centre_scale)
            + np.sum(norm.logpdf(beta[proper], model.prior_mean[proper], model.prior_sds[proper]))
        )
        mean = centre + (model.design - model.design.mean(axis=0)) @ beta
        return float(prior + np.sum(norm.logpdf(self.y, mean, sigma)) - self.log_evidence)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws: ``beta`` (size, K), and ``centre``, ``noise_sd``, ``intercept`` (size,).

        The noise sd is drawn first, then the component that centre is in, then centre and beta.
        """
        rng, fit, model = random_state, self.fit, self.model
        sigma = np.asarray(quadrature.Positive(**model._integrand(self.y, fit)).rvs(size, rng))
        centre = np.empty(size)
        for block in np.array_split(np.arange(size), 1 + size // 2000):
            log_weights, steps, var = model._given(self.y, sigma[block])
            component = np.argmax(log_weights + rng.gumbel(size=log_weights.shape), axis=1)[:, None]
            step, variance = (np.take_along_axis(values, component, axis=1)[:, 0] for values in (steps, var))
            centre[block] = self.y.mean() + rng.normal(step, np.sqrt(variance))
        theta = rng.normal(fit.theta_mean(sigma), np.sqrt(fit.theta_var(sigma)))
        beta = fit.m + theta @ fit.A.T
        return {
            "beta": beta,
            "centre": centre,
            "noise_sd": sigma,
            "intercept": centre - beta @ model.design.mean(axis=0),
        }
