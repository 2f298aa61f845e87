"""Probability of success: the beta-binomial model.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums
from bayes.exact.numerics.log_gamma import log_arrangements, log_dirichlet_multinomial


@dataclass(frozen=True, kw_only=True)
class BetaBinomial:
    """The beta-binomial model and its hyperparameters.

    Observations ``y`` are counts of successes, shape (n,), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    trials
        m, the number of trials in each observation.
    successes, failures
        a and b of the beta prior. With 1 and 1 the prior is uniform.

    Raises
    ------
    ValueError
        If ``trials`` is not a positive whole number, if a prior parameter is not positive, or if ``y`` are not counts
        from 0 to ``trials``.

    Examples
    --------
    >>> model = BetaBinomial(trials=980)
    >>> posterior = model.posterior([437])
    >>> round(float(posterior.mean()), 3), round(float(posterior.std()), 3)
    (0.446, 0.016)
    """

    trials: int
    successes: float = 1.0
    failures: float = 1.0

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("trials", validate.positive_integer("trials", self.trials))
        proper_prior_hint = "an improper prior may have no posterior: use a small but positive number."
        for name in ["successes", "failures"]:
            set_field(name, validate.positive(name, getattr(self, name), proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Distribution:
        """Return p(theta | y), a beta (Bishop 2006, eq. 2.17)."""
        return distributions.beta(*self._posterior(validate.counts(y, self.trials)))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"theta": posterior}``."""
        return {"theta": self.posterior(y)}

    def predictive(self, y: ArrayLike) -> Discrete:
        """Return p(y_new | y), a beta-binomial: the successes in one new observation of ``trials`` trials."""
        return distributions.beta_binomial(self.trials, *self._posterior(validate.counts(y, self.trials)))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats, with the binomial coefficient of each count."""
        y = validate.counts(y, self.trials)
        successes = exact_sums.total(y)
        totals = [successes, len(y) * self.trials - successes]
        # log p(y) = sum log C(m, y_i) + log B(a_n, b_n) - log B(a, b)
        #          = log p(sum y_i) + log p(y | sum y_i), two probabilities whose logarithms do not cancel
        log_p_totals = log_dirichlet_multinomial(totals, [self.successes, self.failures])
        values, times = np.unique(y, return_counts=True)
        outcomes = np.stack([values, self.trials - values], axis=1).astype(float)
        return log_p_totals + log_arrangements(outcomes, times, totals, self.trials)

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every count, (n,), in nats."""
        y = validate.counts(y, self.trials)
        successes, failures = exact_sums.total(y) - y, exact_sums.total(self.trials - y) - (self.trials - y)
        return distributions.beta_binomial.logpmf(y, self.trials, self.successes + successes, self.failures + failures)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | theta), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | theta) of each, (..., n), in nats; ``params`` may have any leading shape."""
        theta = np.asarray(params["theta"])[..., None]
        return binom.logpmf(validate.counts(y, self.trials), self.trials, theta)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, float], NDArray[np.int64]]:
        """Draw theta from the prior and ``n`` counts given it; return ``({"theta": theta}, y)``."""
        n = validate.number_of_observations(n)
        theta = rng.beta(self.successes, self.failures)
        return {"theta": theta}, rng.binomial(self.trials, theta, size=n)

    def _posterior(self, y: NDArray[np.int64]) -> tuple[float, float]:
        """Return a_n = a + sum y_i and b_n = b + sum (m - y_i)."""
        successes = exact_sums.total(y)
        failures = len(y) * self.trials - successes
        return float(Fraction(self.successes) + successes), float(Fraction(self.failures) + failures)


EXAMPLE = Example(
    title="Probability of success: the beta-binomial model",
    equations="""
        theta ~ Beta(a, b)                       a = successes, b = failures, as if observed before
        y_i   ~ Binomial(m, theta)               m = trials, i = 1..n, all independent
    """,
    references="""
        Bishop (2006), Pattern Recognition and Machine Learning, eq. 2.13 to 2.18: prior and posterior. Gelman et al.
        (2013), Bayesian Data Analysis, 3rd ed., section 2.4: the example.
    """,
    formulas={
        "model": r"\theta \sim \mathrm{Beta}(a,\, b), \qquad y_i \sim \mathrm{Binomial}(m,\, \theta)",
        "posterior": (
            r"\theta \mid y \sim \mathrm{Beta}(a_n,\, b_n), \qquad a_n = a + \sum_{i=1}^n y_i, \qquad b_n = b +"
            r" \sum_{i=1}^n (m - y_i)"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \binom{m}{\tilde y} \frac{B(a_n + \tilde y,\, b_n + m - \tilde y)}{B(a_n,\, b_n)}"
        ),
        "evidence": r"\log p(y) = \sum_{i=1}^n \log \binom{m}{y_i} + \log \frac{B(a_n,\, b_n)}{B(a,\, b)}",
    },
    data={
        "example": DataSet(
            # A uniform prior.
            model=BetaBinomial(trials=980),
            # Girls among 980 births with placenta previa.
            y=(437,),
            source="Gelman et al. (2013), section 2.4: 437 girls among 980 births with placenta previa",
        ),
        "prior": DataSet(
            model=BetaBinomial(trials=7, successes=5.2, failures=6.9),
            y=(2, 1),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
