"""Success counts from an unknown number of trials: how many surveys were sent, if so many came back?"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import rv_discrete

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.numerics.beta_mixtures import BetaMixture, log_beta_ratio, log_choose

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class UnknownTrials:
    """Counts y_i ~ Binomial(m, theta), with m uniform on 1..``most`` and theta ~ Beta(a, b).

    Observations ``y`` are counts, shape (n,), and n = 0 is allowed. Given m the posterior is a beta, so it is a finite
    mixture of betas. Logs are in nats. Lee and Wagenmakers (2013), Bayesian Cognitive Modeling, section 3.6; Raftery
    (1988), "Inference for the binomial N parameter", Biometrika 75.

    Parameters
    ----------
    most
        Largest number of trials that there may be.
    successes, failures
        a and b of the beta prior of theta. With 1 and 1 it is uniform.

    Raises
    ------
    ValueError
        If ``most`` is not a positive whole number, if a prior parameter is not positive, or if ``y`` are not counts
        from 0 to ``most``.

    Examples
    --------
    >>> model = UnknownTrials(most=500)
    >>> y = [16, 18, 22, 25, 27]
    >>> round(model.posterior(y).mean(), 3), round(float(model.trials(y).mean()))
    (0.196, 187)
    """

    most: int
    successes: float = 1.0
    failures: float = 1.0

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("most", validate.positive_integer("most", self.most))
        proper_prior_hint = "an improper prior may have no posterior: use a small but positive number."
        for name in ["successes", "failures"]:
            set_field(name, validate.positive(name, getattr(self, name), proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Distribution:
        """Return p(theta | y), a mixture of betas over the number of trials."""
        _, log_p, a, b = self._given_trials(validate.counts(y, self.most))
        return BetaMixture(softmax(log_p), a, b)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"theta": posterior}``."""
        return {"theta": self.posterior(y)}

    def trials(self, y: ArrayLike) -> Discrete:
        """Return p(m | y), the distribution of the number of trials."""
        m, log_p, _, _ = self._given_trials(validate.counts(y, self.most))
        return rv_discrete(values=(m - m[0], softmax(log_p)))(loc=int(m[0]))

    def predictive(self, y: ArrayLike) -> Discrete:
        """Return p(y_new | y), the next count from the same number of trials: a mixture of beta-binomials."""
        m, log_p, a, b = self._given_trials(validate.counts(y, self.most))
        k = np.arange(self.most + 1)[:, None]
        possible = k <= m
        misses = np.where(possible, m - k, 0)
        log_pmf = log_choose(k, misses) + log_beta_ratio(k, misses, a, b)
        return rv_discrete(values=(k[:, 0], np.where(possible, np.exp(log_pmf), 0.0) @ softmax(log_p)))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats, with the binomial coefficient of each count."""
        return float(logsumexp(self._given_trials(validate.counts(y, self.most))[1]))

    def leave_one_out(self, y: ArrayLike) -> Array:
        """Return log p(y_i | y without y_i) of every count, (n,), in nats."""
        y = validate.counts(y, self.most)
        evidence = self.log_evidence(y)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i)
        return evidence - np.array([self.log_evidence(np.delete(y, i)) for i in range(len(y))])

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """Draw m and theta from the prior and ``n`` counts given them; return ``({"theta": theta}, y)``."""
        n = validate.number_of_observations(n)
        m, theta = rng.integers(1, self.most + 1), rng.beta(self.successes, self.failures)
        return {"theta": theta}, rng.binomial(m, theta, size=n)

    def _given_trials(self, y: NDArray[np.int64]) -> tuple[Array, Array, Array, Array]:
        """Return the possible m, log p(y, m), and the parameters a and b of theta given each."""
        m = np.arange(max(1, y.max(initial=0)), self.most + 1, dtype=np.float64)
        successes = float(y.sum())
        failures = len(y) * m - successes
        # p(y, m) = 1 / most  prod_i C(m, y_i)  B(a + sum y_i, b + n m - sum y_i) / B(a, b)
        log_p = log_choose(y, m[:, None] - y).sum(axis=1) - np.log(self.most)
        log_p += log_beta_ratio(successes, failures, self.successes, self.failures)
        return m, log_p, np.full(m.shape, self.successes + successes), self.failures + failures
