"""A curve that grows towards a limit, y = alpha - beta lambda^x, with normal noise: the dugongs of BUGS.

Given lambda and the precision tau, alpha and beta are normal, and are integrated out by formula. So posterior and
evidence are integrals over w = log(-log lambda) and v = log tau (``numerics.boxes``). As lambda goes to 1 the curve
becomes a line, with alpha and beta as large as their priors permit. This has little probability, but most of the
variance of alpha and beta where their priors are wide. In w it is a shoulder, in lambda it would be a spike.

``y`` may be shorter than ``x``. It then belongs to the first n of the N places, and ``predictive`` predicts the
observation at the next place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.numerics.boxes import Box, mixture_marginal
from bayes.exact.numerics.conditionals import draws
from bayes.exact.numerics.monotone import Monotone, exponential
from bayes.exact.numerics.orders import each_last
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign
from closedform.validation import require

BLOCK = 2**15
"""Powers of lambda that are computed at once, so that they fit in a cache."""

type Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ConditionalOnLambdaTau:
    """Likelihood and conditional posterior of alpha and beta for M values of lambda and tau, as arrays (M,)."""

    log_likelihood: Array
    """log p(y | lambda, tau), in nats."""
    beta_mean: Array
    beta_var: Array
    alpha_at_zero: Array
    """The mean of alpha given beta is this + ``alpha_slope`` beta."""
    alpha_slope: Array
    alpha_var: Array
    """The variance of alpha given beta."""

    @property
    def alpha_mean(self) -> Array:
        """The mean of alpha."""
        return self.alpha_at_zero + self.alpha_slope * self.beta_mean

    @property
    def alpha_total_var(self) -> Array:
        """The variance of alpha."""
        return self.alpha_var + self.alpha_slope**2 * self.beta_var


@dataclass(frozen=True, eq=False, kw_only=True)
class GrowthCurve:
    """The growth curve and its hyperparameters.

    Observations ``y`` have shape (n,), n from 1 to N. Logs are in nats.

    Parameters
    ----------
    x
        Places of the observations, 0 or more, shape (N,).
    prior_mean, prior_sds
        Means (2,) and standard deviations (2,) of the normal priors of alpha and beta.
    lambda_bounds
        Bounds of the uniform prior of lambda, with 0 < low < high <= 1.
    shape, rate
        Of the gamma prior of the precision tau; ``rate`` in squared units of the data.

    Raises
    ------
    ValueError
        If shapes do not fit, bounds are not in order, a scale is not positive, ``y`` has more than N numbers or none,
        or if a number is not finite.

    Examples
    --------
    >>> model = GrowthCurve(
    ...     x=[1.0, 3.0, 6.0, 9.0, 15.0, 20.0],
    ...     prior_mean=[2.0, 1.0],
    ...     prior_sds=[2.0, 1.0],
    ...     lambda_bounds=(0.5, 1.0),
    ...     shape=2.0,
    ...     rate=0.02,
    ... )
    >>> round(model.log_evidence([1.8, 2.0, 2.3, 2.3, 2.5]), 6)
    -0.011441
    >>> round(float(model.predictive([1.8, 2.0, 2.3, 2.3, 2.5]).mean()), 6)
    2.501202
    """

    x: Array
    prior_mean: Array
    prior_sds: Array
    lambda_bounds: tuple[float, float]
    shape: float
    rate: float

    def __init__(
        self,
        *,
        x: ArrayLike,
        prior_mean: ArrayLike,
        prior_sds: ArrayLike,
        lambda_bounds: tuple[float, float],
        shape: float,
        rate: float,
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("x", validate.vector("x", x))
        require("x", x, bool(np.all(self.x >= 0)), "0 or more at every place")
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        set_field("prior_sds", validate.positive_vector("prior_sds", prior_sds))
        for name in ("prior_mean", "prior_sds"):
            value = getattr(self, name)
            require(name, value, len(value) == 2, "two numbers, of alpha and of beta")
        bounds = validate.vector("lambda_bounds", lambda_bounds)
        require(
            "lambda_bounds", lambda_bounds, len(bounds) == 2 and 0 < bounds[0] < bounds[-1] <= 1, "0 < low < high <= 1"
        )
        set_field("lambda_bounds", (float(bounds[0]), float(bounds[1])))
        hint = "an improper prior has no evidence: use a small but positive number."
        set_field("shape", validate.positive("shape", shape, hint))
        set_field("rate", validate.positive("rate", rate, hint))

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(alpha, beta, lambda, tau | y)."""
        return Joint(self, self._observations(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``alpha``, ``beta``, ``lambda`` and ``tau``."""
        joint = self.posterior(y)
        given, weights = joint.mixture
        return {
            "alpha": mixture_marginal(weights, given.alpha_mean, np.sqrt(given.alpha_total_var)),
            "beta": mixture_marginal(weights, given.beta_mean, np.sqrt(given.beta_var)),
            "lambda": Monotone(
                joint.box.marginal(0),
                lambda w: np.exp(-np.exp(w)),
                lambda value: np.where((value > 0) & (value < 1), np.log(-np.log(value)), np.nan),
                lambda w: w - np.exp(w),
                increasing=False,
            ),
            "tau": exponential(joint.box.marginal(1)),
        }

    def further_marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``sigma``, which is tau^-1/2, and of ``U3``, the logit of lambda."""
        joint = self.posterior(y)
        return {
            "sigma": exponential(joint.box.marginal(1), -0.5),
            # logit(exp(-k)) = -log(exp(k) - 1),    k = exp(w) = -log lambda
            "U3": Monotone(
                joint.box.marginal(0),
                lambda w: -np.log(np.expm1(np.exp(w))),
                lambda value: np.log(np.log1p(np.exp(-value))),
                lambda w: w - np.log(-np.expm1(-np.exp(w))),
                increasing=False,
            ),
        }

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1): quantities standardised given lambda and tau.

        They are z(beta | lambda, tau) and z(alpha | beta, lambda, tau), with signs flipped where lambda is below its
        median.
        """
        joint = self.posterior(y)
        median = float(np.exp(-np.exp(joint.box.marginal(0).ppf(0.5))))

        def given(params: Draws) -> ConditionalOnLambdaTau:
            return self._conditional(joint.y, np.log(np.ravel(params["lambda"])), np.ravel(params["tau"]))

        def beta_score(params: Draws) -> Array:
            g, beta = given(params), params["beta"]
            z = (beta.ravel() - g.beta_mean) / np.sqrt(g.beta_var)
            return flip_sign(z.reshape(beta.shape), params["lambda"], median)

        def alpha_score(params: Draws) -> Array:
            g, alpha, beta = given(params), params["alpha"], params["beta"]
            z = (alpha.ravel() - g.alpha_at_zero - g.alpha_slope * beta.ravel()) / np.sqrt(g.alpha_var)
            return flip_sign(z.reshape(alpha.shape), params["lambda"], median)

        return {
            "z(beta | lambda, tau) by lambda": (beta_score, STANDARD),
            "z(alpha | beta, lambda, tau) by lambda": (alpha_score, STANDARD),
        }

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y) at the place after those of the data."""
        y = self._observations(y)
        if len(y) == len(self.x):
            raise ValueError(f"`y` has an observation for all {len(y)} places: there is none left to predict.")
        joint = self.posterior(y)
        (w, v), (given, weights) = joint.box.nodes[0], joint.mixture
        power = np.exp(-np.exp(w) * self.x[len(y)])
        slope = given.alpha_slope - power
        var = given.alpha_var + slope**2 * given.beta_var + np.exp(-v)
        return mixture_marginal(weights, given.alpha_at_zero + slope * given.beta_mean, np.sqrt(var))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        return self.posterior(y).box.log_integral if np.size(y) else 0.0

    def leave_one_out(self, y: ArrayLike) -> Array:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, by an integral for each."""
        y = self._observations(y)
        evidence = self.log_evidence(y)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i)
        without = [replace(self, x=self.x[i]).log_evidence(y[i[:-1]]) for i in each_last(len(y))]
        return evidence - np.array(without)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | alpha, beta, lambda, tau), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | alpha, beta, lambda, tau) of each, (..., n), in nats; see ``log_likelihood``."""
        y = self._observations(y)
        alpha, beta, lam, tau = (np.asarray(params[name])[..., None] for name in ("alpha", "beta", "lambda", "tau"))
        mean = alpha - beta * lam ** self.x[: len(y)]
        return stats.norm.logpdf(y, mean, 1 / np.sqrt(tau))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], Array]:
        """Draw parameters from the prior, and ``n`` observations given them, n up to N; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.x):
            raise ValueError(f"`n` must be at most {len(self.x)}, the places `x`, got {n}.")
        alpha, beta = rng.normal(self.prior_mean, self.prior_sds)
        lam, tau = rng.uniform(*self.lambda_bounds), rng.gamma(self.shape) / self.rate
        params = {"alpha": float(alpha), "beta": float(beta), "lambda": float(lam), "tau": float(tau)}
        return params, rng.normal(alpha - beta * lam ** self.x[:n], 1 / sqrt(tau))

    def _conditional(self, y: Array, log_lambda: Array, tau: Array) -> ConditionalOnLambdaTau:
        """Return likelihood and conditional posteriors for each ``log_lambda`` and ``tau``, both (M,)."""
        log_lambda, place = np.unique(log_lambda, return_inverse=True)  # whose powers are what takes time
        n, (m_alpha, m_beta), (s2_alpha, s2_beta) = len(y), self.prior_mean, self.prior_sds**2
        # u_i - 1 = lambda^x_i - 1 keeps its digits near lambda = 1, and du_i = u_i - ubar too
        below = np.expm1(log_lambda[:, None] * self.x[:n])
        ubar = 1 + below.mean(axis=1)
        du = below - below.mean(axis=1, keepdims=True)
        # r_i = y_i - m_alpha + m_beta u_i = a + z u_i + noise,    a = alpha - m_alpha,    z = m_beta - beta
        r = y - m_alpha + m_beta * (1 + below)
        rbar = r.mean(axis=1)
        dr = r - rbar[:, None]
        suu, sur = np.sum(du**2, axis=1), np.sum(du * dr, axis=1)
        # sum (dr_i - z du_i)^2 = rest + (z - fit)^2 suu
        fit = np.divide(sur, suu, out=np.zeros_like(suu), where=suu > 0)
        rest = np.sum((dr - fit[:, None] * du) ** 2, axis=1)
        ubar, rbar, suu, sur, fit, rest = (values[place] for values in (ubar, rbar, suu, sur, fit, rest))
        # Without a: rbar ~ Normal(z ubar, 1 / P), and dr_i = z du_i + noise.    Q is the precision of z
        share = n * tau * s2_alpha / (1 + n * tau * s2_alpha)
        P = share / s2_alpha
        Q = 1 / s2_beta + tau * suu + P * ubar**2
        z = (tau * sur + P * ubar * rbar) / Q
        misfit = tau * (rest + (z - fit) ** 2 * suu) + P * (rbar - z * ubar) ** 2 + z**2 / s2_beta
        log_likelihood = -0.5 * (
            n * np.log(2 * pi) - n * np.log(tau) + np.log1p(n * tau * s2_alpha) + np.log(s2_beta * Q) + misfit
        )
        # a given z has the mean share (rbar - z ubar)
        return ConditionalOnLambdaTau(
            log_likelihood=log_likelihood,
            beta_mean=m_beta - z,
            beta_var=1 / Q,
            alpha_at_zero=m_alpha + share * (rbar - m_beta * ubar),
            alpha_slope=share * ubar,
            alpha_var=(1 - share) * s2_alpha,
        )

    def _observations(self, y: ArrayLike) -> Array:
        y = validate.observations(y)
        if not 1 <= len(y) <= len(self.x):
            raise ValueError(f"`y` must have 1 to {len(self.x)} numbers, one a place of `x`, got {len(y)}.")
        return y


@dataclass(frozen=True, eq=False)
class Joint:
    """The posterior of alpha, beta, lambda and tau. Draws are of w, then v, then beta, then alpha."""

    model: GrowthCurve
    y: Array

    def log_density(self, w: Array, v: Array) -> Array:
        """Return the log density of w = log(-log lambda) and v = log tau, and of y, for arrays of one shape."""
        model, (low, high) = self.model, self.model.lambda_bounds
        log_lambda, tau = -np.exp(np.ravel(w)), np.exp(np.ravel(v))
        values = np.empty(tau.shape)
        for block in np.array_split(np.arange(values.size), 1 + values.size * len(self.y) // BLOCK):
            values[block] = model._conditional(self.y, log_lambda[block], tau[block]).log_likelihood
        # p(lambda) dlambda = lambda (-log lambda) / (high - low) dw,    p(tau) dtau = p(tau) tau dv
        a, b = model.shape, model.rate
        log_p_v = a * np.log(b) - special.gammaln(a) + a * v - b * np.exp(v)
        return values.reshape(np.shape(w)) + w - np.exp(w) - np.log(high - low) + log_p_v

    @cached_property
    def box(self) -> Box:
        """The integral over w = log(-log lambda) and v = log tau."""
        low, high = self.model.lambda_bounds
        bounds = (np.log(-np.log(high)) if high < 1 else -np.inf, np.log(-np.log(low)))
        # The start is the best place of a grid, from the noise that is all of y to one that is e^-10 of its variance.
        y, m_alpha = self.y, self.model.prior_mean[0]
        variance = np.var(y) + np.mean(y - m_alpha) ** 2 / 100 + 1e-12 * np.max(y**2) + 1e-300
        w = np.linspace(max(bounds[0], bounds[1] - 8), bounds[1], 66)[1:-1]
        places = np.array(np.meshgrid(w, np.linspace(-6, 14, 61) - np.log(variance))).reshape(2, -1)
        logs = self.log_density(*places)
        weights = np.exp(logs - logs.max())
        mean = places @ weights / weights.sum()
        sds = np.sqrt((places - mean[:, None]) ** 2 @ weights / weights.sum())
        start = places[:, int(np.argmax(logs))]
        return Box(self.log_density, [bounds, (-np.inf, np.inf)], start.tolist(), np.maximum(sds, 0.05).tolist())

    @cached_property
    def mixture(self) -> tuple[ConditionalOnLambdaTau, Array]:
        """The conditional posteriors of alpha and beta at the nodes of the integral, and the weights of the nodes."""
        (w, v), weights = self.box.nodes
        return self.model._conditional(self.y, -np.exp(w), np.exp(v)), weights

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``alpha``, ``beta``, ``lambda`` and ``tau``, in nats."""
        model = self.model
        alpha, beta, lam, tau = (float(params[name]) for name in ("alpha", "beta", "lambda", "tau"))
        low, high = model.lambda_bounds
        mean = alpha - beta * lam ** model.x[: len(self.y)]
        logs = stats.norm.logpdf([alpha, beta], model.prior_mean, model.prior_sds).sum()
        logs += stats.uniform.logpdf(lam, low, high - low) + stats.gamma.logpdf(tau, model.shape, scale=1 / model.rate)
        return float(logs + stats.norm.logpdf(self.y, mean, tau**-0.5).sum() - self.box.log_integral)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws of every parameter, and of ``sigma`` and ``U3`` (size,)."""
        w, v = draws(self.box, size, random_state)
        given = self.model._conditional(self.y, -np.exp(w), np.exp(v))
        beta = random_state.normal(given.beta_mean, np.sqrt(given.beta_var))
        alpha = random_state.normal(given.alpha_at_zero + given.alpha_slope * beta, np.sqrt(given.alpha_var))
        values = {"alpha": alpha, "beta": beta, "lambda": np.exp(-np.exp(w)), "tau": np.exp(v)}
        return values | {"sigma": np.exp(-v / 2), "U3": -np.log(np.expm1(np.exp(w)))}
