"""Kernels of sequential Monte Carlo with an unbiased evidence: a pilot run adapts, and the runs that count do not.

PyMC's kernel chooses temperatures, proposals and the number of steps from the same particles that it weighs. Then
E[Z_r] is not Z, and more runs do not remove the bias (Beskos, Jasra, Kantas and Thiery 2016, "On the convergence of
adaptive sequential Monte Carlo methods"). With everything fixed beforehand, E[Z_r] = Z for any number of particles
(Del Moral 2004, "Feynman-Kac Formulae", theorem 7.4.2).

E[Z_r] / Z - 1 was measured over 300 runs on the normal-normal example with prior variance 0.1. With 500 particles it is
-0.029 +- 0.006 by PyMC's kernel and 0.006 +- 0.006 by ``Scheduled``. With 100 particles it is -0.190 +- 0.019 and
0.004 +- 0.014. A test in ``tests/bayes/sampling/test_inference.py`` detects the first bias and no other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
from scipy.special import logsumexp
from scipy.stats import multivariate_t

MOST_STAGES = 100
"""A run of SMC is given up after this many tempering stages. If the prior covers the posterior, a handful suffices."""

PROPOSAL_DF = 5
"""Degrees of freedom of the proposals of a schedule."""


class TooManyStagesError(RuntimeError):
    """SMC did not get from the prior to the posterior within ``MOST_STAGES`` tempering stages."""


@dataclass(frozen=True)
class Stage:
    """One stage: its inverse temperature, and the proposal and number of the Metropolis steps that follow."""

    beta: float
    proposal: Any
    n_steps: int


class _WithSchedule(pm.smc.IMH):
    def __init__(self, *args: Any, schedule: list[Stage], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schedule = schedule


class Pilot(_WithSchedule):
    """PyMC's adaptive kernel. It records its choices, and gives up where it would go on without end."""

    def update_beta_and_weights(self) -> None:
        """Choose the next temperature, or raise TooManyStagesError."""
        super().update_beta_and_weights()
        if self.iteration > MOST_STAGES:
            raise TooManyStagesError(
                f"SMC is not through after {MOST_STAGES} stages, at beta = {self.beta:.2g} of 1: the posterior lies "
                "too far out in the tails of the prior; use a prior that allows for it"
            )

    def mutate(self) -> None:
        """Move the particles and record the stage."""
        super().mutate()
        normal = self.proposal_dist
        # Tails heavier than the target's: with a normal, a particle farther out than the pilot's would never move.
        proposal = multivariate_t(normal.mean, normal.cov, df=PROPOSAL_DF)
        self.schedule.append(Stage(self.beta, proposal, self.n_steps - 1))  # n_steps is one too many


class Scheduled(_WithSchedule):
    """Independent Metropolis-Hastings on a schedule that was fixed before the first particle was drawn."""

    def update_beta_and_weights(self) -> None:
        """Go to the next temperature. The mean of the weights p(y | theta)^(beta - old beta) is a factor of Z."""
        self.stage = self.schedule[self.iteration]
        self.iteration += 1
        old_beta, self.beta = self.beta, self.stage.beta
        log_weights = (self.beta - old_beta) * self.likelihood_logp
        log_total = logsumexp(log_weights)
        self.weights = np.exp(log_weights - log_total)
        self.weights /= self.weights.sum()
        self.log_marginal_likelihood += log_total - np.log(self.draws)

    def tune(self) -> None:
        """Leave the proposal unchanged. PyMC would fit it to the particles."""

    def mutate(self) -> None:
        """Take the stage's number of Metropolis-Hastings steps with its independence proposal q."""
        q, self.n_steps = self.stage.proposal, self.stage.n_steps
        rates = []
        for _ in range(self.n_steps):
            proposed = q.rvs(size=self.draws, random_state=self.rng).reshape(self.draws, -1)  # (particle, parameter)
            log_likelihood = np.array([self.likelihood_logp_func(theta) for theta in proposed]).ravel()
            log_prior = np.array([self.prior_logp_func(theta) for theta in proposed]).ravel()
            log_target = log_prior + self.beta * log_likelihood
            # log of  pi(new) q(old) / (pi(old) q(new))
            log_ratio = (
                log_target + q.logpdf(self.tempered_posterior) - self.tempered_posterior_logp - q.logpdf(proposed)
            )
            accepted = np.log(self.rng.random(self.draws)) < log_ratio
            self.tempered_posterior[accepted] = proposed[accepted]
            self.tempered_posterior_logp[accepted] = log_target[accepted]
            self.prior_logp[accepted] = log_prior[accepted]
            self.likelihood_logp[accepted] = log_likelihood[accepted]
            rates.append(accepted.mean())
        self.acc_rate = float(np.mean(rates))
