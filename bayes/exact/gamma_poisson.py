"""Rate of a Poisson: the gamma-Poisson model.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums
from bayes.exact.numerics.log_gamma import log_arrangements, log_negative_binomial


@dataclass(frozen=True, kw_only=True)
class GammaPoisson:
    """The gamma-Poisson model and its hyperparameters.

    Observations ``y`` are counts, shape (n,), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    shape, inverse_scale
        a and b of the gamma prior. It counts like a events in b earlier observations.

    Raises
    ------
    ValueError
        If a hyperparameter is not positive, or if ``y`` are not counts.

    Examples
    --------
    >>> model = GammaPoisson(shape=1.0, inverse_scale=1.0)
    >>> round(float(model.posterior([2, 0, 1]).mean()), 4)
    1.0
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
        a, b = self._posterior(validate.counts(y))
        return distributions.gamma(a, scale=1 / b)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"rate": posterior}``."""
        return {"rate": self.posterior(y)}

    def predictive(self, y: ArrayLike) -> Discrete:
        """Return p(y_new | y), a negative binomial."""
        a, b = self._posterior(validate.counts(y))
        return distributions.gamma_poisson(a, b)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = validate.counts(y)
        total = exact_sums.total(y)
        # log p(y) = log Gamma(a_n) - log Gamma(a) + a log b - a_n log b_n - sum log y_i!
        #          = log p(sum y_i) + log p(y | sum y_i), two probabilities whose logarithms do not cancel
        log_p_total = log_negative_binomial(total, self.shape, self.inverse_scale, len(y))
        values, times = np.unique(y, return_counts=True)
        return log_p_total + log_arrangements(values[:, None].astype(float), times, [total])

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every count, (n,), in nats."""
        y = validate.counts(y)
        # a_-i = a + sum_(j != i) y_j,    b_-i = b + n - 1
        a, b = self.shape + (exact_sums.total(y) - y), self.inverse_scale + (len(y) - 1)
        return distributions.gamma_poisson.logpmf(y, a, b)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | rate), in nats; ``params`` may have any leading shape."""
        y, rate = validate.counts(y), np.asarray(params["rate"])
        # log p(y | rate) = sum_i y_i log rate - n rate - sum_i log y_i!
        return xlogy(y.sum(), rate) - len(y) * rate - gammaln(y + 1).sum()

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | rate) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, rate = validate.counts(y), np.asarray(params["rate"])[..., None]
        return xlogy(y, rate) - rate - gammaln(y + 1)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.int64]]:
        """Draw the rate from the prior and ``n`` counts given it; return ``({"rate": rate}, y)``."""
        n = validate.number_of_observations(n)
        rate = rng.gamma(self.shape, 1 / self.inverse_scale)
        return {"rate": rate}, rng.poisson(rate, size=n)

    def _posterior(self, y: NDArray[np.int64]) -> tuple[float, float]:
        """Return a_n = a + sum y_i and b_n = b + n."""
        return float(Fraction(self.shape) + exact_sums.total(y)), self.inverse_scale + len(y)


EXAMPLE = Example(
    title="Rate of a Poisson: the gamma-Poisson model",
    equations="""
        rate ~ Gamma(a, b)                       a = shape, b = inverse_scale, so that its mean is a / b
        y_i  ~ Poisson(rate)                     i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6: posterior and predictive.
        Bortkiewicz (1898), Das Gesetz der kleinen Zahlen: the data.
    """,
    formulas={
        "model": r"\lambda \sim \mathrm{Gamma}(a,\, b), \qquad y_i \sim \mathrm{Poisson}(\lambda)",
        "posterior": (
            r"\lambda \mid y \sim \mathrm{Gamma}(a_n,\, b_n), \qquad a_n = a + \sum_{i=1}^n y_i, \qquad b_n = b + n"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \frac{\Gamma(a_n + \tilde y)}{\Gamma(a_n)\, \tilde y!} \left(\frac{b_n}{b_n +"
            r" 1}\right)^{a_n} \left(\frac{1}{b_n + 1}\right)^{\tilde y}"
        ),
        "evidence": (
            r"\log p(y) = \log \frac{\Gamma(a_n)}{\Gamma(a)} + a \log b - a_n \log b_n - \sum_{i=1}^n \log y_i!"
        ),
    },
    data={
        "example": DataSet(
            # About one death a year, with an sd of about one.
            model=GammaPoisson(shape=1.0, inverse_scale=1.0),
            # Deaths by horse kick in 10 corps over 20 years, with one count for each corps and year.
            y=(0,) * 109 + (1,) * 65 + (2,) * 22 + (3,) * 3 + (4,),
            source="Bortkiewicz (1898), deaths by horse kick in 10 of 14 corps of the Prussian army over 20 years",
        ),
        "prior": DataSet(
            model=GammaPoisson(shape=6.5, inverse_scale=2.3),
            y=(1, 3, 2),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
