"""Rate of an exponential: the gamma-exponential model of waiting times.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums
from bayes.exact.numerics.log_gamma import log_gamma_evidence


@dataclass(frozen=True, kw_only=True)
class GammaExponential:
    """The gamma-exponential model and its hyperparameters.

    Observations ``y`` are times, shape (n,), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    shape, inverse_scale
        a and b of the gamma prior. It counts like a events observed in the time b, in the units of the data.

    Raises
    ------
    ValueError
        If a hyperparameter is not positive, or if a time is negative. A time of 0 is allowed.

    Examples
    --------
    >>> model = GammaExponential(shape=1.0, inverse_scale=1.0)
    >>> round(float(model.posterior([2.0, 1.0]).mean()), 4)
    0.75
    """

    shape: float
    inverse_scale: float

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        proper_prior_hint = "an improper prior has no evidence: use a small but positive number."
        for name in ["shape", "inverse_scale"]:
            set_field(name, validate.positive(name, getattr(self, name), proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Distribution:
        """Return p(rate | y), a gamma."""
        a, b = self._posterior(y)
        return distributions.gamma(a, scale=1 / b)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"rate": posterior}``."""
        return {"rate": self.posterior(y)}

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y), a Lomax (Pareto of the second kind): (a_n / b_n) (1 + y_new / b_n)^(-a_n - 1)."""
        a, b = self._posterior(y)
        return distributions.lomax(a, scale=b)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = validate.times(y)
        # log p(y) = log Gamma(a_n) - log Gamma(a) + a log b - a_n log b_n
        total = exact_sums.dot(y, np.ones(len(y)))
        return float(log_gamma_evidence(self.shape, self.inverse_scale, len(y), total))

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every time, (n,), in nats."""
        y = validate.times(y)
        # a_-i = a + n - 1,    b_-i = b + sum_(j != i) y_j
        a, b = self.shape + len(y) - 1, self.inverse_scale + distributions.sums_of_others(y)
        return distributions.lomax.logpdf(y, a, scale=b)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | rate), in nats; ``params`` may have any leading shape."""
        y, rate = validate.times(y), np.asarray(params["rate"])
        # log p(y | rate) = n log rate - rate sum_i y_i
        return len(y) * np.log(rate) - rate * y.sum()

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | rate) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, rate = validate.times(y), np.asarray(params["rate"])[..., None]
        return np.log(rate) - rate * y

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Draw the rate from the prior and ``n`` times given it; return ``({"rate": rate}, y)``."""
        n = validate.number_of_observations(n)
        rate = rng.gamma(self.shape, 1 / self.inverse_scale)
        return {"rate": rate}, rng.exponential(1 / rate, size=n)

    def _posterior(self, y: ArrayLike) -> tuple[float, float]:
        """Return a_n = a + n and b_n = b + sum y_i."""
        y = validate.times(y)
        return self.shape + len(y), self.inverse_scale + float(y.sum())


EXAMPLE = Example(
    title="Rate of an exponential: the gamma-exponential model of waiting times",
    equations="""
        rate ~ Gamma(a, b)                       a = shape, b = inverse_scale, so that its mean is a / b
        y_i  ~ Exponential(rate)                 density rate e^(-rate y_i), i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6: the posterior. Proschan (1963),
        "Theoretical explanation of observed decreasing failure rate", Technometrics 5: the data.
    """,
    formulas={
        "model": r"\lambda \sim \mathrm{Gamma}(a,\, b), \qquad y_i \sim \mathrm{Exponential}(\lambda)",
        "posterior": (
            r"\lambda \mid y \sim \mathrm{Gamma}(a_n,\, b_n), \qquad a_n = a + n, \qquad b_n = b + \sum_{i=1}^n y_i"
        ),
        "predictive": r"p(\tilde y \mid y) = \frac{a_n}{b_n} \left(1 + \frac{\tilde y}{b_n}\right)^{-a_n - 1}",
        "evidence": r"\log p(y) = \log \frac{\Gamma(a_n)}{\Gamma(a)} + a \log b - a_n \log b_n",
    },
    data={
        "example": DataSet(
            # About one failure in 50 hours, with an sd of about one.
            model=GammaExponential(shape=1.0, inverse_scale=50.0),
            # Hours between failures of the air-conditioning of one airplane.
            y=(3, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487),
            source="Proschan (1963), hours between 12 failures of the air-conditioning of a Boeing 720",
        ),
        "prior": DataSet(
            model=GammaExponential(shape=3.4, inverse_scale=12.0),
            y=(1.7, 2.2, 3.9, 0.6),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
