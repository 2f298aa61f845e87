"""Variance of a normal with known mean.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums
from bayes.exact.numerics.log_gamma import log_gamma_evidence


@dataclass(frozen=True, kw_only=True)
class NormalVariance:
    """The model of the variance with its hyperparameters.

    Observations ``y`` have shape (n,), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    mean
        mu, the known mean of an observation.
    shape, scale
        a and b of the inverse-gamma prior of the variance sigma2; ``scale`` is in squared units of the data.

    Raises
    ------
    ValueError
        If a hyperparameter or ``y`` is not finite, or ``shape`` or ``scale`` is not positive.

    Examples
    --------
    >>> model = NormalVariance(mean=0.0, shape=3.0, scale=2.0)
    >>> round(float(model.posterior([1.0, -1.0]).mean()), 4)
    1.0
    """

    mean: float
    shape: float
    scale: float

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("mean", validate.finite("mean", self.mean))
        proper_prior_hint = "an improper prior has no evidence: use a small but positive number."
        set_field("shape", validate.positive("shape", self.shape, proper_prior_hint))
        set_field("scale", validate.positive("scale", self.scale, proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Distribution:
        """Return p(sigma2 | y), an inverse gamma (Bishop 2006, eq. 2.150 and 2.151)."""
        a, b = self._posterior(y)
        return distributions.inverse_gamma(a, scale=b)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"sigma2": posterior}``."""
        return {"sigma2": self.posterior(y)}

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y), Student's t with 2 a_n degrees of freedom (Bishop 2006, eq. 2.158)."""
        a, b = self._posterior(y)
        return distributions.student_t(2 * a, loc=self.mean, scale=sqrt(b / a))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats: the ratio of the normalising constants of prior and posterior."""
        n, squares = self._statistics(y)
        # log p(y) = -n/2 log(2 pi) + log Gamma(a_n) - log Gamma(a) + a log b - a_n log b_n
        return float(log_gamma_evidence(self.shape, self.scale, n / 2, squares / 2, normals=n))

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats: the predictive without its square."""
        squares = (validate.observations(y) - self.mean) ** 2
        # a_-i = a + (n - 1)/2,    b_-i = b + 1/2 sum_(j != i) (y_j - mu)^2
        a, b = self.shape + (len(squares) - 1) / 2, self.scale + distributions.sums_of_others(squares) / 2
        return distributions.student_t.logpdf(np.asarray(y, dtype=float), 2 * a, loc=self.mean, scale=np.sqrt(b / a))

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | sigma2), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | sigma2) of each, (..., n), in nats; ``params`` may have any leading shape."""
        sigma2 = np.asarray(params["sigma2"])[..., None]
        return norm.logpdf(validate.observations(y), self.mean, np.sqrt(sigma2))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Draw sigma2 from the prior and ``n`` observations given it; return ``({"sigma2": ...}, y)``."""
        n = validate.number_of_observations(n)
        sigma2 = self.scale / rng.gamma(self.shape)
        return {"sigma2": sigma2}, rng.normal(self.mean, sqrt(sigma2), size=n)

    def _posterior(self, y: ArrayLike) -> tuple[float, float]:
        """Return a_n and b_n."""
        n, squares = self._statistics(y)
        # a_n = a + n/2,    b_n = b + 1/2 sum (y_i - mu)^2
        return self.shape + n / 2, self.scale + float(squares / 2)

    def _statistics(self, y: ArrayLike) -> tuple[int, Fraction]:
        """Return n and sum (y_i - mu)^2."""
        n, _, distance, scatter = exact_sums.moments_about(validate.observations(y), self.mean)
        return n, scatter + n * distance**2


EXAMPLE = Example(
    title="Variance of a normal with known mean",
    equations="""
        sigma2 ~ InverseGamma(a, b)             a = shape, b = scale; density ~ sigma2^(-a-1) e^(-b/sigma2)
        y_i    ~ Normal(mu, sigma2)             mu = mean, sigma2 a variance, i = 1..n, all independent
    """,
    references="""
        Bishop (2006), Pattern Recognition and Machine Learning, section 2.3.6: the posterior of the precision
        1/sigma2, eq. 2.149 to 2.151, and the predictive, eq. 2.158. Gelman et al. (2013), Bayesian Data Analysis, 3rd
        ed., section 2.6. Cavendish (1798), "Experiments to determine the density of the Earth", Philosophical
        Transactions of the Royal Society 88: the data.
    """,
    formulas={
        "model": r"\sigma^2 \sim \mathrm{InverseGamma}(a,\, b), \qquad y_i \sim \mathcal{N}(\mu,\, \sigma^2)",
        "posterior": (
            r"\sigma^2 \mid y \sim \mathrm{InverseGamma}(a_n,\, b_n), \qquad a_n = a + \frac{n}{2}, \qquad b_n = b +"
            r" \frac{1}{2} \sum_{i=1}^n (y_i - \mu)^2"
        ),
        "predictive": r"\tilde y \mid y \sim t_{2 a_n}(\mu,\, b_n / a_n)",
        "evidence": (
            r"\log p(y) = -\frac{n}{2} \log(2\pi) + \log \frac{\Gamma(a_n)}{\Gamma(a)} + a \log b - a_n \log b_n"
        ),
    },
    data={
        "example": DataSet(
            # The mean is the density known today, 5.513 g/cm3.
            model=NormalVariance(mean=5.513, shape=2.0, scale=0.05),
            # 29 measurements of the density of the Earth, in g/cm3.
            y=(
                *(5.50, 5.61, 4.88, 5.07, 5.26, 5.55, 5.36, 5.29, 5.58, 5.65, 5.57, 5.53, 5.62, 5.29, 5.44),
                *(5.34, 5.79, 5.10, 5.27, 5.39, 5.42, 5.47, 5.63, 5.34, 5.46, 5.30, 5.75, 5.68, 5.85),
            ),
            source="Cavendish (1798), density of the Earth in g/cm3, 29 measurements",
        ),
        "prior": DataSet(
            model=NormalVariance(mean=1.3, shape=2.6, scale=7.0),
            y=(3.9, -0.8, 2.4, 1.7, 4.6),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
