"""Mean of a normal with known noise: the normal-normal model.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums, matrices


@dataclass(frozen=True, kw_only=True)
class NormalNormal:
    """The normal-normal model and its hyperparameters. All scales are standard deviations, and all logs are in nats.

    Every method takes observations ``y`` of shape (n,). n = 0 is allowed wherever it has a meaning.

    Parameters
    ----------
    prior_mean
        m0, the prior mean of mu.
    prior_sd
        tau, the prior standard deviation of mu.
    noise_sd
        sigma, the known standard deviation of one observation around mu.

    Raises
    ------
    ValueError
        If a hyperparameter or ``y`` is not finite, a standard deviation is not positive, or ``y`` is not a vector.

    Examples
    --------
    >>> model = NormalNormal(prior_sd=5**0.5, noise_sd=1.0)
    >>> posterior = model.posterior([3.3, 3.5, 3.1])
    >>> round(float(posterior.mean()), 4), round(float(posterior.std()), 4)
    (3.0938, 0.559)
    >>> round(model.log_evidence([3.3, 3.5, 3.1]), 4)
    -5.204
    """

    prior_mean: float = 0.0
    prior_sd: float
    noise_sd: float

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)  # the way to store validated floats in a frozen dataclass
        set_field("prior_mean", validate.finite("prior_mean", self.prior_mean))
        known_mean_hint = "a prior without width is a known mean: use a small but positive sd."
        flat_prior_hint = "a flat prior has no evidence: use a large but finite sd."
        set_field("prior_sd", validate.positive("prior_sd", self.prior_sd, known_mean_hint, large_hint=flat_prior_hint))
        no_noise_hint = "an observation without noise is mu itself: use a small but positive sd."
        set_field("noise_sd", validate.positive("noise_sd", self.noise_sd, no_noise_hint))

    def posterior(self, y: ArrayLike) -> Distribution:
        """Return p(mu | y), a normal. It is the prior if ``y`` is empty (Bishop 2006, eq. 2.141 and 2.142)."""
        return self._normal(y, noise=0.0)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"mu": posterior}``: the marginal posterior of each parameter, by its name in the PyMC program."""
        return {"mu": self.posterior(y)}

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y) of one new observation, with mu integrated out (Gelman et al. 2013, section 2.5)."""
        # var(y_new | y) = s_n^2 + sigma^2
        return self._normal(y, noise=self.noise_sd)

    def mle_predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | mu = ybar), the plug-in predictive at the maximum of the likelihood.

        Raises ValueError for an empty ``y``: without data the likelihood has no maximum.
        """
        y = validate.observations(y)
        if len(y) == 0:
            raise ValueError(
                "`y` is empty: the maximum likelihood estimate needs at least one point; "
                "use `predictive(y)` or `map_predictive(y)`, which fall back on the prior."
            )
        ybar, rest = exact_sums.split(exact_sums.moments_about(y, self.prior_mean)[1])
        return distributions.Located(norm, loc=ybar, rest=rest, scale=self.noise_sd)

    def map_predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | mu = m_n), the plug-in predictive at the maximum of the posterior."""
        mean, _ = self._posterior(validate.observations(y))
        m_n, rest = exact_sums.split(mean)
        return distributions.Located(norm, loc=m_n, rest=rest, scale=self.noise_sd)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), the log marginal likelihood, in nats; 0 for an empty ``y`` (Murphy 2007, section 2.5).

        Notes
        -----
        The squares are taken around the mean of the data, so a large common offset costs no digits. The error against
        50-digit arithmetic is below 1e-12 of max(1, |log p(y)|) for n to 10^6, offsets to 1e8 sigma and tau^2/sigma^2
        from 1e-12 to 1e12 (``tests/bayes/exact/test_normal_normal.py``).
        """
        with matrices.digits():
            return float(sum(self._terms(y).values()))

    def log_evidence_terms(self, y: ArrayLike) -> dict[str, float]:
        """Return the four terms, in nats, whose sum is ``log_evidence(y)``.

        - ``noise``: the density of n points that fit perfectly.
        - ``occam``: the price of a prior that is spread over values of mu that the data rule out.
        - ``scatter``: the scatter of the points around their own mean, which no prior of mu can change.
        - ``misfit``: the distance of their mean from the prior mean.
        """
        return {name: float(term) for name, term in self._terms(y).items()}

    def _terms(self, y: ArrayLike) -> dict[str, Decimal]:
        """Return the terms in decimals. For a million points they are about 1e6 and may cancel."""
        n, _, *statistics = exact_sums.moments_about(validate.observations(y), self.prior_mean)
        with matrices.digits():
            distance, scatter = (matrices.from_fraction(value) for value in statistics)
            tau2, sigma2 = Decimal(self.prior_sd) ** 2, Decimal(self.noise_sd) ** 2
            # log p(y) = -n/2 log(2 pi sigma^2) - 1/2 log(1 + n tau^2/sigma^2)
            #            - sum (y_i - ybar)^2 / (2 sigma^2) - n (ybar - m0)^2 / (2 (sigma^2 + n tau^2))
            return {
                "noise": -n * (2 * matrices.PI * sigma2).ln() / 2,
                "occam": -(1 + n * tau2 / sigma2).ln() / 2,
                "scatter": -scatter / (2 * sigma2),
                "misfit": -n * distance**2 / (2 * (sigma2 + n * tau2)),
            }

    def best_prior_sd(self, y: ArrayLike) -> float:
        """Return the ``prior_sd`` with the largest evidence, or 0 if the evidence only grows as the prior narrows.

        This is type-II maximum likelihood (empirical Bayes): tau^2 = max(0, (ybar - m0)^2 - sigma^2/n), where the
        derivative of ``log_evidence`` in tau^2 vanishes. Raises ValueError for an empty ``y``, which has
        evidence 1 under every prior.
        """
        n, _, distance, _ = exact_sums.moments_about(validate.observations(y), self.prior_mean)
        if n == 0:
            raise ValueError("`y` is empty: every prior then has evidence 1; give at least one point.")
        return sqrt(max(0.0, distance**2 - Fraction(self.noise_sd) ** 2 / n))

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats: the precision is downdated.

        Sundararajan and Keerthi (2001), "Predictive approaches for choosing hyperparameters in Gaussian processes",
        section 2, of which this is the case of a constant function.
        """
        y = validate.observations(y)
        n = len(y)
        with matrices.digits():
            values = matrices.to_decimal(y)
            m0, prior, noise = (Decimal(v) for v in (self.prior_mean, self.prior_sd, self.noise_sd))
            # m_-i = (sigma^2 m0 + tau^2 sum_(j != i) y_j) / (sigma^2 + (n - 1) tau^2)
            others = values.sum() - values
            mean, rest = matrices.split((noise**2 * m0 + prior**2 * others) / (noise**2 + max(n - 1, 0) * prior**2))
        sd = self.prior_sd / sqrt(1 + max(n - 1, 0) * self.prior_sd**2 / self.noise_sd**2)
        return distributions.Located(norm, loc=mean, rest=rest, scale=hypot(sd, self.noise_sd)).logpdf(y)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | mu), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | mu) of each, (..., n), in nats; ``params`` may have any leading shape."""
        mu = np.asarray(params["mu"])[..., None]
        return norm.logpdf(validate.observations(y), mu, self.noise_sd)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Draw mu from the prior and ``n`` observations given it; return ``({"mu": mu}, y)`` with y of shape (n,)."""
        n = validate.number_of_observations(n)
        mu = rng.normal(self.prior_mean, self.prior_sd)
        return {"mu": mu}, rng.normal(mu, self.noise_sd, size=n)

    def sequence(self, y: ArrayLike) -> "Sequence":
        """Return posterior and predictives after the first 0, 1, ..., n points, as array-valued normals."""
        y = validate.observations(y)
        n = np.arange(len(y) + 1)
        tau2, sigma2 = self.prior_sd**2, self.noise_sd**2
        sd = self.prior_sd / np.sqrt(1 + n * tau2 / sigma2)
        with matrices.digits():
            totals = np.cumsum(matrices.to_decimal(np.concatenate([[0.0], y])))
            m0, prior, noise = (Decimal(v) for v in (self.prior_mean, self.prior_sd, self.noise_sd))
            # m_n = (sigma^2 m0 + tau^2 sum y_i) / (sigma^2 + n tau^2)
            mean, rest = matrices.split((noise**2 * m0 + prior**2 * totals) / (noise**2 + n.astype(object) * prior**2))
            ybar, ybar_rest = matrices.split(totals / np.maximum(n, 1))
        ybar[0] = np.nan
        return Sequence(
            n=n,
            posterior=distributions.Located(norm, loc=mean, rest=rest, scale=sd),
            predictive=distributions.Located(norm, loc=mean, rest=rest, scale=np.hypot(sd, self.noise_sd)),
            mle_predictive=distributions.Located(norm, loc=ybar, rest=ybar_rest, scale=self.noise_sd),
            map_predictive=distributions.Located(norm, loc=mean, rest=rest, scale=self.noise_sd),
        )

    def _normal(self, y: ArrayLike, noise: float) -> Distribution:
        """Return the normal with mean m_n and the variance of mu plus that of ``noise``."""
        mean, sd = self._posterior(validate.observations(y))
        m_n, rest = exact_sums.split(mean)
        return distributions.Located(norm, loc=m_n, rest=rest, scale=hypot(sd, noise))

    def _posterior(self, y: NDArray[np.float64]) -> tuple[Fraction, float]:
        """Return the mean m_n, a rational number, and the standard deviation s_n of mu."""
        n, ybar, _, _ = exact_sums.moments_about(y, self.prior_mean)
        m0, tau2, sigma2 = Fraction(self.prior_mean), Fraction(self.prior_sd) ** 2, Fraction(self.noise_sd) ** 2
        # 1/s_n^2 = 1/tau^2 + n/sigma^2        (precisions add),    m_n = s_n^2 (m0/tau^2 + n ybar/sigma^2)
        s2 = 1 / (1 / tau2 + n / sigma2)
        return s2 * (m0 / tau2 + n * ybar / sigma2), sqrt(s2)


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """The posterior and the predictives after the first 0, 1, ..., n points: normals with parameters of shape (n + 1,).

    ``mle_predictive`` is nan at n = 0, where there is no maximum likelihood estimate.
    """

    n: NDArray[np.int64]
    posterior: Distribution
    predictive: Distribution
    mle_predictive: Distribution
    map_predictive: Distribution


def log_score_loss(full: Distribution, plug_in: Distribution) -> Any:
    """Return the expected log predictive score, in nats a point, that ``plug_in`` loses against ``full``.

    The loss is E[log full(y) - log plug_in(y)] for y ~ full, the Kullback-Leibler divergence of two normals. It is
    never negative, because ``full`` itself has the best expected log score under ``full`` (Gneiting and Raftery 2007,
    "Strictly proper scoring rules, prediction, and estimation", section 4.1). Array parameters give an array.

    Where the two variances nearly agree the loss is tiny. Its absolute error is then below 1e-15 nats, but its relative
    error may be large.
    """
    excess = full.var() / plug_in.var() - 1
    return (excess - np.log1p(excess)) / 2 + (full.mean() - plug_in.mean()) ** 2 / (2 * plug_in.var())


EXAMPLE = Example(
    title="Mean of a normal with known noise: the normal-normal model",
    equations="""
        mu  ~ Normal(m0, tau^2)                                  m0 = prior_mean, tau = prior_sd
        y_i = mu + eps_i,    eps_i ~ Normal(0, sigma^2)          sigma = noise_sd,  i = 1..n, all independent
    """,
    references="""
        Bishop (2006), Pattern Recognition and Machine Learning: posterior eq. 2.141 and 2.142. Gelman et al. (2013),
        Bayesian Data Analysis, 3rd ed., section 2.5: posterior eq. 2.11 and 2.12, and the predictive. Murphy (2007),
        "Conjugate Bayesian analysis of the Gaussian distribution", section 2.5: the evidence.
    """,
    formulas={
        "model": r"\mu \sim \mathcal{N}(m_0,\, \tau^2), \qquad y_i \sim \mathcal{N}(\mu,\, \sigma^2)",
        "posterior": (
            r"\mu \mid y \sim \mathcal{N}(m_n,\, s_n^2), \qquad \frac{1}{s_n^2} = \frac{1}{\tau^2} +"
            r" \frac{n}{\sigma^2}, \qquad m_n = s_n^2 \left( \frac{m_0}{\tau^2} + \frac{n \bar y}{\sigma^2} \right)"
        ),
        "predictive": r"\tilde y \mid y \sim \mathcal{N}(m_n,\, s_n^2 + \sigma^2)",
        "evidence": (
            r"\log p(y) = -\frac{n}{2} \log(2\pi\sigma^2) - \frac{1}{2} \log\left(1 + \frac{n\tau^2}{\sigma^2}\right)"
            r" - \sum_{i=1}^n \frac{(y_i - \bar y)^2}{2\sigma^2} - \frac{n (\bar y - m_0)^2}{2(\sigma^2 + n\tau^2)}"
        ),
    },
    data={
        "example": DataSet(
            # The default example: tau^2 = 5, sigma^2 = 1.
            model=NormalNormal(prior_mean=0.0, prior_sd=5**0.5, noise_sd=1.0),
            y=(3.3, 3.5, 3.1, 1.8, 3.0, 0.74, 2.5, 2.4, 1.6, 2.1, 2.4, 1.3, 1.7, 0.19),
            source="made up",
        ),
        "prior": DataSet(
            model=NormalNormal(prior_mean=2.3, prior_sd=0.7, noise_sd=1.4),
            y=(3.1, 5.2, 4.0),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
