"""Means of several groups with known noise: the hierarchical normal model of eight schools.

``EXAMPLE`` has the equations, the references and data.

Given tau, the standard deviation between the groups, everything is normal. So
posterior, predictive and evidence are one-dimensional integrals over tau (``bayes.exact.numerics.quadrature``). Where
tau is near 0 the means of all groups are almost equal. This makes a funnel in which samplers get stuck. ``y`` may be
shorter than ``noise_sds``. Then the first n groups are observed, and ``predictive`` predicts the next group.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, inf, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import quadrature
from bayes.exact.numerics.orders import each_last
from bayes.exact.projections import STANDARD, Draws, Projections, distance_score, flip_sign
from bayes.exact.scale_priors import ScalePrior
from closedform.validation import shown

ALL_MOMENTS = 99
"""Number of moments for a distribution with normal tails. All moments exist; any number above 2 says so."""


@dataclass(frozen=True, kw_only=True)
class ConditionalOnTau:
    """Likelihood and conditional posteriors for G values of tau, as arrays (G,), and (G, n) for theta."""

    origin: float
    """Means are measured from here, so that data far from 0 cost no digits."""
    tau: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    """log p(y | tau), in nats."""
    mu_mean: NDArray[np.float64]
    mu_var: NDArray[np.float64]
    data_share: NDArray[np.float64]
    """Weight of the data in the mean of mu. The prior mean has the rest."""
    theta_mean: NDArray[np.float64]
    theta_var: NDArray[np.float64]
    mu_share: NDArray[np.float64]
    """Weight of mu in the mean of theta_j. y_j has the rest."""


@dataclass(frozen=True, eq=False, kw_only=True)
class HierarchicalNormal:
    """The hierarchical normal model and its hyperparameters.

    Observations ``y`` have shape (n,), with one number for each group, and n up to J. Logs are in nats.

    Parameters
    ----------
    noise_sds
        sigma_j, the known standard deviation of the observation of each group, shape (J,).
    prior_mean, prior_sd
        m0 and s0, mean and standard deviation of the prior of mu, the common mean of the groups.
    tau_prior
        The prior of tau, the standard deviation between groups. If it is flat, the log evidence is the integral over
        Lebesgue measure of tau, and two observations are needed.

    Raises
    ------
    ValueError
        If a scale is not positive, if ``y`` has more numbers than there are groups or too few for a flat prior, or if a
        number is not finite.

    Examples
    --------
    >>> prior = ScalePrior("half_cauchy", 5.0)
    >>> model = HierarchicalNormal(noise_sds=[15, 10], prior_mean=0.0, prior_sd=5.0, tau_prior=prior)
    >>> round(model.log_evidence([28.0, 8.0]), 4)
    -8.7801
    """

    noise_sds: NDArray[np.float64]
    prior_mean: float
    prior_sd: float
    tau_prior: ScalePrior

    def __init__(self, *, noise_sds: ArrayLike, prior_mean: float, prior_sd: float, tau_prior: ScalePrior) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("noise_sds", validate.positive_vector("noise_sds", noise_sds))
        set_field("prior_mean", validate.finite("prior_mean", prior_mean))
        known_mean_hint = "a prior without width is a known mean: use a small but positive sd."
        flat_prior_hint = "a flat prior has no evidence: use a large but finite sd."
        set_field("prior_sd", validate.positive("prior_sd", prior_sd, known_mean_hint, large_hint=flat_prior_hint))
        if not isinstance(tau_prior, ScalePrior):
            raise ValueError(
                f"`tau_prior` must be a ScalePrior such as ScalePrior('half_cauchy', 5.0), got {shown(tau_prior)}."
            )
        set_field("tau_prior", tau_prior)

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(mu, tau, theta | y)."""
        return Joint(self, validate.observations(y), self.log_evidence(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``mu``, ``tau`` and the means of the groups, ``theta[0]``, ``theta[1]``, ..."""
        y = self._observations(y)
        conditional, weights = self._mixture(y)
        marginals: dict[str, Distribution] = {
            "mu": quadrature.Mixture(
                weights,
                conditional.mu_mean,
                np.sqrt(conditional.mu_var),
                moments=ALL_MOMENTS,
                origin=conditional.origin,
            ),
            "tau": quadrature.Positive(**self._integrand(y), moments=self._moments(len(y))),
        }
        for j in range(len(y)):
            sds = np.sqrt(conditional.theta_var[:, j])
            means, origin = conditional.theta_mean[:, j], conditional.origin
            if weights @ conditional.mu_share[:, j] < 0.5:
                origin = float(y[j])
                means = conditional.mu_share[:, j] * (conditional.mu_mean + (conditional.origin - origin))
            marginals[f"theta[{j}]"] = quadrature.Mixture(weights, means, sds, moments=ALL_MOMENTS, origin=origin)
        return marginals

    def further_marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``distance[j]``, (theta_j - mu) / tau, which are parameters of the program."""
        y = self._observations(y)
        conditional, weights = self._mixture(y)
        marginals: dict[str, Distribution] = {}
        for j in range(len(y)):
            # distance_j given tau: mean r (y_j - mu^), variance sigma_j^2 / var_j + r^2 V,    r = tau / var_j
            sigma2 = self.noise_sds[j] ** 2
            var = sigma2 + conditional.tau**2
            slope = conditional.tau / var
            means = slope * ((y[j] - conditional.origin) - conditional.mu_mean)
            sds = np.sqrt(sigma2 / var + slope**2 * conditional.mu_var)
            marginals[f"distance[{j}]"] = quadrature.Mixture(weights, means, sds, moments=ALL_MOMENTS, origin=0.0)
        return marginals

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1): quantities standardised given tau.

        They are z(mu + theta_j given tau) for every group, z for the sum of theta, and the distance of z(mu given tau)
        from 0 as a normal score. Given tau everything is normal. Signs are flipped where tau is below its median.
        Differences of theta would add nothing: where tau is near 0 they show only the rounding of the draws.
        """
        y = self._observations(y)
        median = float(self.marginals(y)["tau"].ppf(0.5))
        sigma2 = self.noise_sds[: len(y)] ** 2

        def score(draws: Draws, mu_weight: float, theta_weights: NDArray[np.float64]) -> NDArray[np.float64]:
            """Return z(mu_weight mu + theta_weights . theta | tau)."""
            tau = draws["tau"].ravel()
            conditional, share = (
                self._conditional(y, tau, self.prior_mean),
                tau[:, None] ** 2 / (sigma2 + tau[:, None] ** 2),
            )
            # theta_j = mu + w_j (y_j - mu) + e_j,    e_j ~ Normal(0, w_j sigma_j^2),    w_j = share
            slope = mu_weight + (1 - share) @ theta_weights
            mean = slope * (conditional.origin + conditional.mu_mean) + share @ (theta_weights * y)
            var = slope**2 * conditional.mu_var + share @ (theta_weights**2 * sigma2)
            value = mu_weight * draws["mu"] + (draws["theta"] @ theta_weights if len(y) else 0.0)
            return (value - mean.reshape(value.shape)) / np.sqrt(var).reshape(value.shape)

        def projection(mu_weight: float, theta_weights: NDArray[np.float64]) -> Callable[[Draws], NDArray[np.float64]]:
            return lambda draws: flip_sign(score(draws, mu_weight, theta_weights), draws["tau"], median)

        def distance(draws: Draws) -> NDArray[np.float64]:
            return flip_sign(distance_score(score(draws, 1.0, np.zeros(len(y))) ** 2, 1), draws["tau"], median)

        functions: Projections = {
            f"z(mu + theta[{j}] | tau) by tau": (projection(1.0, unit), STANDARD)
            for j, unit in enumerate(np.eye(len(y)))
        }
        if len(y) > 1:
            functions["z(sum of theta | tau) by tau"] = (projection(0.0, np.ones(len(y))), STANDARD)
        return functions | {"|z(mu | tau)| by tau": (distance, STANDARD)}

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y) for the next group. It has as many moments as tau has.

        Its log density is exact as far out as observations may be, 1e75. Beyond, a finite value raises ValueError.
        """
        y = self._observations(y)
        if len(y) == len(self.noise_sds):
            raise ValueError(f"`y` has an observation for all {len(y)} groups: there is none left to predict.")
        conditional, weights = self._mixture(y)
        var = conditional.mu_var + conditional.tau**2 + self.noise_sds[len(y)] ** 2
        evidence = self.log_evidence(y)
        return quadrature.MixtureWithTails(
            weights,
            conditional.mu_mean,
            np.sqrt(var),
            moments=self._moments(len(y)),
            origin=conditional.origin,
            # log p(y_new | y) = log p(y, y_new) - log p(y)
            log_density=lambda x: self.log_evidence([*y, validate.finite("x", x)]) - evidence,
        )

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = self._observations(y)
        # p(y) = integral p(y | tau) p(tau) dtau
        known = not len(y) and self.tau_prior.proper
        return 0.0 if known else quadrature.LogQuadrature(**self._integrand(y)).log_integral

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_j | y without y_j) of every group, (n,), in nats, by an integral over tau for each.

        A group has one observation, so theta_j has its prior given mu and tau. Samplers' log likelihoods, of which
        importance sampling makes the same numbers, are given theta_j.
        """
        y = self._observations(y)
        evidence = self.log_evidence(y)
        # log p(y_j | y_-j) = log p(y) - log p(y_-j)
        without = [replace(self, noise_sds=self.noise_sds[j]).log_evidence(y[j[:-1]]) for j in each_last(len(y))]
        return evidence - np.array(without)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | theta), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_j | theta_j) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y = self._observations(y)
        return norm.logpdf(y, np.asarray(params["theta"]), self.noise_sds[: len(y)])

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Draw mu, tau, theta and distance (n,) from the prior, and n observations, n up to J; return ``(params, y)``.

        Raises ValueError if the prior of tau is flat.
        """
        n = validate.number_of_observations(n)
        if n > len(self.noise_sds):
            raise ValueError(f"`n` must be at most {len(self.noise_sds)}, the number of groups, got {n}.")
        tau = float(self.tau_prior.distribution.rvs(random_state=rng))  # raises ValueError if it is flat
        mu = rng.normal(self.prior_mean, self.prior_sd)
        distance = rng.standard_normal(n)
        theta = mu + tau * distance
        return {"mu": mu, "tau": tau, "theta": theta, "distance": distance}, rng.normal(theta, self.noise_sds[:n])

    def _conditional(self, y: NDArray[np.float64], tau: NDArray[np.float64], origin: float) -> ConditionalOnTau:
        """Return likelihood and posteriors conditional on each ``tau`` (G,), with means measured from ``origin``."""
        tau2 = np.square(tau)[:, None]  # (G, 1)
        sigma2 = self.noise_sds[: len(y)] ** 2
        var = sigma2 + tau2  # (G, n), variance of y_j given mu
        # From the c of least noise, whatever tau the heaviest: e_j = y_j - c, whose mean weighted by w_j = 1 / var_j is
        # e. It is then small beside what is noisy, and e_j - e does not cancel where it is not.
        centre = y[np.argmin(sigma2)] if len(y) else 0.0
        e, prior = y - centre, self.prior_mean - centre
        precision = np.sum(1 / var, axis=1)  # W = sum_j w_j
        data_mean = np.sum(e / var, axis=1) / np.where(precision > 0, precision, 1.0)
        # 1/V = 1/s0^2 + W,    mu^ = V / s0^2 m0 + W V (c + e)
        mu_var = 1 / (self.prior_sd**-2 + precision)
        weight = precision * mu_var
        mu_mean = mu_var / self.prior_sd**2 * (self.prior_mean - origin) + weight * ((centre - origin) + data_mean)
        # log p(y | tau) = -1/2 sum log(2 pi var_j) - 1/2 log(1 + s0^2 W)
        #                  - 1/2 sum w_j (e_j - e)^2 - 1/2 W V (c + e - m0)^2 / s0^2
        log_likelihood = -0.5 * (
            np.sum(np.log(2 * pi * var), axis=1)
            + np.log1p(self.prior_sd**2 * precision)
            + np.sum((e - data_mean[:, None]) ** 2 / var, axis=1)
            + weight * (data_mean - prior) ** 2 / self.prior_sd**2
        )
        # theta_j given mu has precision 1/sigma_j^2 + 1/tau^2, and mu has its own posterior
        data_share, mu_share = tau2 / var, sigma2 / var
        return ConditionalOnTau(
            origin=origin,
            tau=tau,
            log_likelihood=log_likelihood,
            mu_mean=mu_mean,
            mu_var=mu_var,
            data_share=weight,
            theta_mean=mu_share * mu_mean[:, None] + data_share * (y - origin),
            theta_var=data_share * sigma2 + mu_share**2 * mu_var[:, None],
            mu_share=mu_share,
        )

    def _mixture(self, y: NDArray[np.float64]) -> tuple[ConditionalOnTau, NDArray[np.float64]]:
        """Return the conditional posteriors for the quadrature's values of tau, and their posterior weights."""
        v, weights = quadrature.LogQuadrature(**self._integrand(y)).nodes
        # Far below every other scale, the value of tau makes no difference: those nodes become one.
        small = np.flatnonzero(np.exp(v) < 1e-9 * min(self.noise_sds))[:-1]
        weights[small.size] += weights[small].sum()
        tau, weights = np.exp(v[small.size :]), weights[small.size :]
        conditional = self._conditional(y, tau, self.prior_mean)
        if weights @ conditional.data_share > 0.5:
            conditional = self._conditional(y, tau, float(y.mean()))
        return conditional, weights

    def _integrand(self, y: NDArray[np.float64]) -> dict[str, Any]:
        """Return log [p(y | tau) p(tau) tau] as a function of v = log tau, and the scales where it changes."""

        def log_density(v: NDArray[np.float64]) -> NDArray[np.float64]:
            tau = np.exp(v)
            return self._conditional(y, tau, self.prior_mean).log_likelihood + self.tau_prior.logpdf(tau) + v

        prior, n = self.tau_prior, len(y)
        if not prior.proper and n < 2:
            raise ValueError(
                f"`y` must have at least 2 numbers with a flat tau_prior, got {n}: with fewer the posterior is "
                "improper; use half_normal(SCALE)."
            )
        scales = [*([prior.scale] if prior.proper else []), *self.noise_sds[:n]]
        widest = [*scales, *(abs(y - self.prior_mean))]
        at_zero, at_infinity = _powers(prior)
        # The prior's own width in log tau is 1 / sqrt(shape) for a gamma, and about 1 for the other families.
        shape = prior.numbers[0] if "gamma" in prior.family else 1.0
        return {
            "log_density": log_density,
            "low": np.log(min(scales)) - quadrature.REACH / min(1.0, at_zero),
            "high": min(
                np.log(max(widest)) + quadrature.REACH / min(1.0, at_infinity + n),
                np.log(prior.upper),
            ),
            # n groups determine log tau to about 1 / sqrt(2 n), and no panel is wider than four times that.
            "width": min(1.0, 4 / np.sqrt(2 * n + max(shape, 1.0))),
        }

    def _moments(self, n: int) -> int:
        """Return the number of moments of tau given n observations: the likelihood falls as tau^-n."""
        _, power = _powers(self.tau_prior)
        return ALL_MOMENTS if power == inf else ceil(n + power) - 1

    def _observations(self, y: ArrayLike) -> NDArray[np.float64]:
        y = validate.observations(y)
        if len(y) > len(self.noise_sds):
            raise ValueError(f"`y` must have at most {len(self.noise_sds)} numbers, one a group, got {len(y)}.")
        return y


def _powers(prior: ScalePrior) -> tuple[float, float]:
    """Return a and b: tau times its prior density is of the order tau^a near 0, and tau^-b far out."""
    family, numbers = prior.family, prior.numbers
    at_zero = {"gamma": numbers[:1], "inverse_gamma": (inf,)}.get(family, (1.0,))
    at_infinity = {"half_cauchy": (1.0,), "half_t": numbers[:1], "inverse_gamma": numbers[:1], "flat": (-1.0,)}
    return at_zero[0], at_infinity.get(family, (inf,))[0]


@dataclass(frozen=True)
class Joint:
    """The posterior of mu, tau and theta. Its density is by Bayes' rule; draws are of tau, then mu, then theta."""

    model: HierarchicalNormal
    y: NDArray[np.float64]
    log_evidence: float

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``mu``, ``tau`` and ``theta`` (n,), in nats."""
        model, (mu, tau, theta) = self.model, (params[name] for name in ("mu", "tau", "theta"))
        prior = model.tau_prior.logpdf(tau) + norm.logpdf(mu, model.prior_mean, model.prior_sd)
        groups = norm.logpdf(theta, mu, tau) + norm.logpdf(self.y, theta, model.noise_sds[: len(self.y)])
        return float(prior + np.sum(groups) - self.log_evidence)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws: ``mu`` and ``tau`` (size,), ``theta`` and ``distance`` (size, n)."""
        model, rng = self.model, random_state
        tau = np.asarray(model.marginals(self.y)["tau"].rvs(size, rng))
        conditional = model._conditional(self.y, tau, model.prior_mean)
        mu = model.prior_mean + rng.normal(conditional.mu_mean, np.sqrt(conditional.mu_var))
        # theta_j given mu and tau: Normal(mu + w (y_j - mu), w sigma_j^2),    w = tau^2 / (sigma_j^2 + tau^2)
        sigma2 = model.noise_sds[: len(self.y)] ** 2
        var = sigma2 + tau[:, None] ** 2
        share = tau[:, None] ** 2 / var
        z = rng.standard_normal(var.shape)
        off = self.y - mu[:, None]
        return {
            "mu": mu,
            "tau": tau,
            "theta": mu[:, None] + share * off + np.sqrt(share * sigma2) * z,
            # the same in units of tau, which may be 0 in float64
            "distance": tau[:, None] / var * off + np.sqrt(sigma2 / var) * z,
        }


EXAMPLE = Example(
    title="Means of several groups with known noise: the hierarchical normal model of eight schools",
    equations="""
        tau     ~ tau_prior                                  a prior of a standard deviation
        mu      ~ Normal(m0, s0^2)                           m0 = prior_mean, s0 = prior_sd
        theta_j ~ Normal(mu, tau^2)                          j = 1..J
        y_j     ~ Normal(theta_j, sigma_j^2)                 sigma_j = noise_sds[j], known; all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4: eq. 5.17 of theta given mu and tau, 5.20
        of mu given tau, 5.21 of tau, there with a flat prior of mu; section 5.5: the example. Gelman (2006), "Prior
        distributions for variance parameters in hierarchical models": the half-Cauchy prior. Rubin (1981), "Estimation
        in parallel randomized experiments", Journal of Educational Statistics 6: the data. posteriordb, eight_schools:
        the priors of the example.
    """,
    formulas={
        "model": (
            r"\tau \sim p(\tau), \qquad \mu \sim \mathcal{N}(m_0,\, s_0^2), \qquad \theta_j \sim"
            r" \mathcal{N}(\mu,\, \tau^2), \qquad y_j \sim \mathcal{N}(\theta_j,\, \sigma_j^2)"
        ),
        "posterior": (
            r"p(\tau \mid y) = \frac{p(\tau)\, p(y \mid \tau)}{p(y)}, \qquad \mu \mid \tau, y \sim"
            r" \mathcal{N}(\hat\mu,\, V), \qquad \frac{1}{V} = \frac{1}{s_0^2} + \sum_{j=1}^n \frac{1}{\sigma_j^2 +"
            r" \tau^2}, \qquad \hat\mu = m_0 + V \sum_{j=1}^n \frac{y_j - m_0}{\sigma_j^2 + \tau^2}"
        ),
        "conditional on mu and tau": (
            r"\theta_j \mid \mu, \tau, y \sim \mathcal{N}\left(\mu + w_j (y_j - \mu),\, w_j \sigma_j^2\right), \qquad"
            r" w_j = \frac{\tau^2}{\sigma_j^2 + \tau^2}"
        ),
        "marginals": (
            r"p(\mu \mid y) = \int \mathcal{N}(\mu \mid \hat\mu,\, V)\, p(\tau \mid y)\, d\tau, \qquad p(\theta_j"
            r" \mid y) = \int \mathcal{N}\left(\theta_j \mid w_j y_j + (1 - w_j) \hat\mu,\, w_j \sigma_j^2 + (1 -"
            r" w_j)^2 V\right) p(\tau \mid y)\, d\tau"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \int \mathcal{N}(\tilde y \mid \hat\mu,\, V + \tau^2 + \sigma_{n+1}^2)\, p(\tau"
            r" \mid y)\, d\tau"
        ),
        "evidence": (
            r"p(y) = \int p(y \mid \tau)\, p(\tau)\, d\tau, \qquad p(y \mid \tau) = \sqrt{\frac{V}{s_0^2}}"
            r" \prod_{j=1}^n \mathcal{N}(y_j \mid \hat\mu,\, \sigma_j^2 + \tau^2)\; e^{-(\hat\mu - m_0)^2 / (2 s_0^2)}"
        ),
    },
    data={
        "example": DataSet(
            # The priors of posteriordb's eight_schools: mu ~ Normal(0, 5^2), tau ~ HalfCauchy(5). The ninth school
            # is not in the data; it is the one to predict, with a standard error of 10.
            model=HierarchicalNormal(
                noise_sds=[15, 10, 16, 11, 9, 11, 10, 18, 10],
                prior_mean=0.0,
                prior_sd=5.0,
                tau_prior=ScalePrior("half_cauchy", 5.0),
            ),
            # Effects of coaching on test scores in eight schools, in points.
            y=(28, 8, -3, 7, -1, 1, 18, 12),
            source="Rubin (1981), effects of coaching on test scores in eight schools, with standard errors",
        ),
        "prior": DataSet(
            model=HierarchicalNormal(
                noise_sds=[2.3, 1.6, 3.1, 1.9, 2.6],
                prior_mean=3.2,
                prior_sd=1.4,
                tau_prior=ScalePrior("half_cauchy", 1.7),
            ),
            y=(6.1, 1.2, 8.4, 4.9),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
