"""Mean and variance of a normal, both unknown.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import log1p, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums, matrices
from bayes.exact.numerics.log_gamma import log_gamma_evidence
from bayes.exact.projections import STANDARD, Draws, Projections, distance_score, flip_sign


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A normal-inverse-gamma distribution: sigma2 ~ InverseGamma(a, b), mu | sigma2 ~ Normal(m, sigma2 / k)."""

    m: float
    rest: float
    """Rounding error of m. The mean of mu is m + rest."""
    k: float
    a: float
    b: float

    def logpdf(self, params: dict[str, Any]) -> Any:
        """Return the log density of mu and sigma2, in nats."""
        mu, sigma2 = params["mu"], params["sigma2"]
        log_p_mu = norm.logpdf((mu - self.m) - self.rest, 0, np.sqrt(sigma2 / self.k))
        return distributions.inverse_gamma.logpdf(sigma2, self.a, scale=self.b) + log_p_mu

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws of mu and sigma2."""
        sigma2 = self.b / random_state.gamma(self.a, size=size)
        return {"mu": random_state.normal(self.m, np.sqrt(sigma2 / self.k)), "sigma2": sigma2}

    def marginals(self) -> dict[str, Distribution]:
        """Return the marginal distributions: a Student's t of mu and an inverse gamma of sigma2."""
        scale = sqrt(self.b / self.a / self.k)
        return {
            "mu": distributions.Located(distributions.student_t, 2 * self.a, loc=self.m, rest=self.rest, scale=scale),
            "sigma2": distributions.inverse_gamma(self.a, scale=self.b),
        }


@dataclass(frozen=True, kw_only=True)
class NormalInverseGamma:
    """The model of a normal with its hyperparameters.

    Observations ``y`` have shape (n,), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    prior_mean
        m0, the prior mean of mu.
    prior_count
        k0, the number of observations that the prior mean is worth.
    shape, scale
        a and b of the inverse-gamma prior of the variance sigma2; ``scale`` is in squared units of the data.

    Raises
    ------
    ValueError
        If a hyperparameter or ``y`` is not finite, or a hyperparameter other than ``prior_mean`` is not positive.

    Examples
    --------
    >>> model = NormalInverseGamma(prior_mean=0.0, prior_count=1.0, shape=3.0, scale=2.0)
    >>> {name: round(float(marginal.mean()), 4) for name, marginal in model.marginals([1.0, 2.0, 3.0]).items()}
    {'mu': 1.5, 'sigma2': 1.2857}
    """

    prior_mean: float
    prior_count: float
    shape: float
    scale: float

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.finite("prior_mean", self.prior_mean))
        proper_prior_hint = "an improper prior has no evidence: use a small but positive number."
        for name in ["prior_count", "shape", "scale"]:
            set_field(name, validate.positive(name, getattr(self, name), proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Joint:
        """Return p(mu, sigma2 | y), a normal-inverse-gamma (Gelman et al. 2013, section 3.3)."""
        return self._posterior(validate.observations(y))[0]

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginal posteriors: a Student's t of ``mu`` and an inverse gamma of ``sigma2``."""
        return self.posterior(y).marginals()

    def projections(self, y: ArrayLike) -> Projections:
        """Return two functions that are Normal(0, 1): mu standardised given sigma2, and its distance from 0.

        The distance is a normal score. The sign of the first is flipped where sigma2 is below its median.
        """
        joint = self.posterior(y)
        median = float(distributions.inverse_gamma(joint.a, scale=joint.b).median())

        def z(draws: Draws) -> NDArray[np.float64]:
            return (draws["mu"] - joint.m) / np.sqrt(draws["sigma2"] / joint.k)

        def score(draws: Draws) -> NDArray[np.float64]:
            return flip_sign(z(draws), draws["sigma2"], median)

        def distance(draws: Draws) -> NDArray[np.float64]:
            return flip_sign(distance_score(z(draws) ** 2, 1), draws["sigma2"], median)

        return {
            "z(mu | sigma2) by sigma2": (score, STANDARD),
            "|z(mu | sigma2)| by sigma2": (distance, STANDARD),
        }

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y), Student's t with 2 a_n degrees of freedom (Murphy 2007, section 6)."""
        joint = self.posterior(y)
        scale = sqrt(joint.b / joint.a) * sqrt(1 + 1 / joint.k)
        return distributions.Located(distributions.student_t, 2 * joint.a, loc=joint.m, rest=joint.rest, scale=scale)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats: the ratio of the normalising constants of prior and posterior."""
        y = validate.observations(y)
        n, (_, excess) = len(y), self._posterior(y)
        # log p(y) = -n/2 log(2 pi) + 1/2 log(k0 / k_n) + log Gamma(a_n) - log Gamma(a) + a log b - a_n log b_n
        log_gamma_term = log_gamma_evidence(self.shape, self.scale, n / 2, excess, normals=n)
        return float(log_gamma_term - Decimal(log1p(n / self.prior_count)) / 2)

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats: Student's t with 2 a_n - 1 degrees."""
        y = validate.observations(y)
        n, (joint, excess) = len(y), self._posterior(y)
        with matrices.digits():
            values = matrices.to_decimal(y)
            k0, m0, b = (Decimal(v) for v in (self.prior_count, self.prior_mean, self.scale))
            # k_-i = k_n - 1,    m_-i = (k0 m0 + sum_(j != i) y_j) / k_-i,
            # b_-i = b_n - k_-i / (2 k_n) (y_i - m_-i)^2
            k = k0 + max(n - 1, 0)
            step = values - (k0 * m0 + values.sum() - values) / k
            scale = matrices.to_float(b + matrices.from_fraction(excess) - k / (k + 1) * step**2 / 2)
            z = matrices.to_float(step)
        a = joint.a - 0.5
        return distributions.student_t.logpdf(z, 2 * a, scale=np.sqrt(scale / a * (1 + 1 / float(k))))

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | mu, sigma2), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | mu, sigma2) of each, (..., n), in nats; ``params`` may have any leading shape."""
        mu, sigma2 = (np.asarray(params[name])[..., None] for name in ("mu", "sigma2"))
        return norm.logpdf(validate.observations(y), mu, np.sqrt(sigma2))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Draw mu and sigma2 from the prior and ``n`` observations given them; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        params = {name: float(value[0]) for name, value in self.posterior([]).rvs(1, rng).items()}
        return params, rng.normal(params["mu"], sqrt(params["sigma2"]), size=n)

    def _posterior(self, y: NDArray[np.float64]) -> tuple[Joint, Fraction]:
        """Return the joint posterior, and b_n - b."""
        n, ybar, distance, scatter = exact_sums.moments_about(y, self.prior_mean)
        k0, m0 = Fraction(self.prior_count), Fraction(self.prior_mean)
        # k_n = k0 + n,    m_n = (k0 m0 + n ybar) / k_n,    a_n = a + n/2
        # b_n = b + 1/2 sum (y_i - ybar)^2 + k0 n (ybar - m0)^2 / (2 k_n)
        excess = scatter / 2 + k0 * n / (k0 + n) * distance**2 / 2
        m, rest = exact_sums.split((k0 * m0 + n * ybar) / (k0 + n))
        return Joint(m=m, rest=rest, k=float(k0 + n), a=self.shape + n / 2, b=self.scale + float(excess)), excess


EXAMPLE = Example(
    title="Mean and variance of a normal, both unknown",
    equations="""
        sigma2 ~ InverseGamma(a, b)                    a = shape, b = scale
        mu     ~ Normal(m0, sigma2 / k0)               m0 = prior_mean, k0 = prior_count, sigma2 / k0 a variance
        y_i    ~ Normal(mu, sigma2)                    i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.3: the posterior and its marginals. Bishop
        (2006), Pattern Recognition and Machine Learning, eq. 2.154: the same prior for mean and precision. Murphy
        (2007), "Conjugate Bayesian analysis of the Gaussian distribution", section 6: the evidence and the
        predictive. Darwin (1876), The Effects of Cross and Self Fertilisation in the Vegetable Kingdom: the data.
    """,
    formulas={
        "model": (
            r"\sigma^2 \sim \mathrm{InverseGamma}(a,\, b), \qquad \mu \mid \sigma^2 \sim \mathcal{N}(m_0,\, \sigma^2"
            r" / k_0), \qquad y_i \sim \mathcal{N}(\mu,\, \sigma^2)"
        ),
        "posterior": (
            r"k_n = k_0 + n, \quad m_n = \frac{k_0 m_0 + n \bar y}{k_n}, \quad a_n = a + \frac{n}{2}, \quad b_n = b +"
            r" \frac{1}{2} \sum_{i=1}^n (y_i - \bar y)^2 + \frac{k_0 n (\bar y - m_0)^2}{2 k_n}"
        ),
        "marginals": (
            r"\sigma^2 \mid y \sim \mathrm{InverseGamma}(a_n,\, b_n), \qquad \mu \mid y \sim t_{2 a_n}\left(m_n,\,"
            r" \frac{b_n}{a_n k_n}\right)"
        ),
        "predictive": (
            r"\tilde y \mid y \sim t_{2 a_n}\left(m_n,\, \frac{b_n}{a_n} \left(1 + \frac{1}{k_n}\right)\right)"
        ),
        "evidence": (
            r"\log p(y) = -\frac{n}{2} \log(2\pi) + \frac{1}{2} \log \frac{k_0}{k_n} + \log"
            r" \frac{\Gamma(a_n)}{\Gamma(a)} + a \log b - a_n \log b_n"
        ),
    },
    data={
        "example": DataSet(
            # No difference is expected, and little is known about its size or its spread.
            model=NormalInverseGamma(prior_mean=0.0, prior_count=0.1, shape=3.0, scale=1600.0),
            # Differences in height of 15 pairs of plants, cross-fertilised less self-fertilised, in eighths of an
            # inch.
            y=(49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48),
            source="Darwin (1876), heights of 15 pairs of maize plants, differences in eighths of an inch",
        ),
        "prior": DataSet(
            model=NormalInverseGamma(prior_mean=2.1, prior_count=3.4, shape=2.7, scale=6.0),
            y=(4.9, 3.2, 6.1, 2.8),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
