"""Several counts of successes that share some rates: a product of independent betas."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.numerics import distributions
from bayes.exact.numerics.beta_differences import BetaDifference
from bayes.exact.numerics.beta_mixtures import log_beta_ratio, log_choose
from closedform.validation import shown

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Joint:
    """Independent betas of ``theta`` (R,), with the parameters ``a`` and ``b`` (R,)."""

    a: Array
    b: Array

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``theta``, in nats."""
        return float(np.sum(distributions.beta.logpdf(params["theta"], self.a, self.b)))

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws: ``theta`` (size, R), and ``delta`` (size,) if R is 2."""
        theta = random_state.beta(self.a, self.b, size=(size, len(self.a)))
        return {"theta": theta} | ({"delta": theta[:, 0] - theta[:, 1]} if len(self.a) == 2 else {})


@dataclass(frozen=True, eq=False, kw_only=True)
class Rates:
    """Counts of successes, y_j ~ Binomial(m_j, theta_r(j)), and independent theta_r ~ Beta(a, b), r = 0..R - 1.

    Observations ``y`` are counts, shape (n,), n up to J. Logs are in nats. Gelman et al. (2013), Bayesian Data
    Analysis, 3rd ed., section 2.4; Lee and Wagenmakers (2013), Bayesian Cognitive Modeling, chapter 3.

    Parameters
    ----------
    trials
        m_j, the number of trials behind each count, shape (J,).
    rate
        r(j), the number of the rate of each count, shape (J,), whole numbers from 0 to R - 1.
    rates
        R, the number of rates. A rate without a count keeps its prior.
    successes, failures
        a and b of the beta prior of each rate. With 1 and 1 it is uniform.

    Raises
    ------
    ValueError
        If ``trials`` are not positive whole numbers, if ``rate`` does not have as many numbers, from 0 to R - 1, if a
        prior parameter is not positive, or if ``y`` are not counts of at most the trials.

    Examples
    --------
    >>> model = Rates(trials=[10, 10], rate=[0, 1], rates=2)
    >>> model.marginals([5, 7])["theta[1]"].mean().round(4).item()
    0.6667
    >>> round(float(model.further_marginals([5, 7])["delta"].cdf(0)), 4)
    0.8065
    """

    trials: NDArray[np.float64]
    rate: NDArray[np.int64]
    rates: int
    successes: float
    failures: float

    def __init__(
        self, *, trials: ArrayLike, rate: ArrayLike, rates: int, successes: float = 1.0, failures: float = 1.0
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("trials", validate.positive_vector("trials", trials))
        if np.any(self.trials != np.round(self.trials)):
            raise ValueError(f"`trials` must hold whole numbers, got {shown(trials)}; give the trials of each count.")
        set_field("rates", validate.positive_integer("rates", rates))
        numbers = validate.vector("rate", rate)
        if len(numbers) != len(self.trials) or not np.all(np.isin(numbers, np.arange(self.rates))):
            raise ValueError(
                f"`rate` must have a whole number from 0 to {self.rates - 1} for each of {len(self.trials)} counts, "
                f"got {shown(rate)}; give the number of the rate behind each count."
            )
        set_field("rate", numbers.astype(np.int64))
        proper_prior_hint = "an improper prior may have no posterior: use a small but positive number."
        set_field("successes", validate.positive("successes", successes, proper_prior_hint))
        set_field("failures", validate.positive("failures", failures, proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Joint:
        """Return p(theta | y)."""
        # a_r = a + sum of y_j,    b_r = b + sum of (m_j - y_j),    over the j with r(j) = r
        successes, failures = self._totals(self._counts(y))
        return Joint(a=self.successes + successes, b=self.failures + failures)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the betas of ``theta[0]``, ``theta[1]``, ..."""
        joint = self.posterior(y)
        return {f"theta[{r}]": distributions.beta(a, b) for r, (a, b) in enumerate(zip(joint.a, joint.b, strict=True))}

    def further_marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return that of ``delta``, theta[0] - theta[1], if there are two rates."""
        joint = self.posterior(y)
        if self.rates != 2:
            return {}
        return {"delta": BetaDifference((joint.a[0], joint.b[0]), (joint.a[1], joint.b[1]))}

    def predictive(self, y: ArrayLike) -> Discrete:
        """Return p(y_new | y) of the next count: a beta-binomial."""
        joint, n = self.posterior(y), len(self._counts(y))
        if n == len(self.trials):
            raise ValueError(f"`y` has all {n} counts: there is none left to predict; give `trials` one more number.")
        r = self.rate[n]
        return distributions.beta_binomial(int(self.trials[n]), joint.a[r], joint.b[r])

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats, with the binomial coefficient of each count."""
        y = self._counts(y)
        # log p(y) = sum_j log C(m_j, y_j) + sum_r log B(a_r, b_r) / B(a, b)
        log_coefficients = np.sum(log_choose(y, self.trials[: len(y)] - y))
        return float(log_coefficients + np.sum(log_beta_ratio(*self._totals(y), self.successes, self.failures)))

    def leave_one_out(self, y: ArrayLike) -> Array:
        """Return log p(y_j | y without y_j) of every count, (n,), in nats."""
        y, joint = self._counts(y), self.posterior(y)
        rate, trials = self.rate[: len(y)], self.trials[: len(y)]
        # a_-j = a_r - y_j,    b_-j = b_r - (m_j - y_j),    r = r(j)
        a, b = joint.a[rate] - y, joint.b[rate] - (trials - y)
        return distributions.beta_binomial.logpmf(y, trials, a, b)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | theta), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_j | theta) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, theta = self._counts(y), np.asarray(params["theta"])
        n = len(y)
        return binom.logpmf(y, self.trials[:n], theta[..., self.rate[:n]])

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Array], NDArray[np.int64]]:
        """Draw theta from the prior and the first ``n`` counts given it; return ``({"theta": theta}, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.trials):
            raise ValueError(f"`n` must be at most {len(self.trials)}, the number of `trials`, got {n}.")
        theta = rng.beta(self.successes, self.failures, size=self.rates)
        return {"theta": theta}, rng.binomial(self.trials[:n].astype(np.int64), theta[self.rate[:n]])

    def _totals(self, y: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return successes and failures of each rate, (R,)."""
        rate, trials = self.rate[: len(y)], self.trials[: len(y)]
        return (
            np.bincount(rate, weights=y, minlength=self.rates),
            np.bincount(rate, weights=trials - y, minlength=self.rates),
        )

    def _counts(self, y: ArrayLike) -> NDArray[np.int64]:
        y = validate.counts(y)
        if len(y) > len(self.trials):
            raise ValueError(f"`y` must have at most {len(self.trials)} counts, as `trials` has, got {len(y)}.")
        above = np.flatnonzero(y > self.trials[: len(y)])
        if above.size:
            j = above[0]
            raise ValueError(
                f"`y` must have counts of at most their trials, got y[{j}] = {y[j]} of {self.trials[j]:g}."
            )
        return y
