"""Stepping-stone sampling: the evidence as a product of ratios along tempered posteriors, from the prior on.

    Z = prod_k E_{beta_(k-1)}[ p(y | theta)^(beta_k - beta_(k-1)) ],    p_beta ~ p(theta) p(y | theta)^beta

with beta_k = (k / K)^(1 / 0.3), the quantiles of a Beta(0.3, 1) (Xie, Lewis, Fan, Kuo and Chen 2011, "Improving
marginal likelihood estimation for Bayesian phylogenetic model selection", Systematic Biology 60). The prior is drawn
from directly, and each power posterior by chains of NumPyro's NUTS, all of them vectorised: one compilation.
"""

from collections.abc import Callable
from functools import lru_cache
from math import log, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from bayes.checking.leave_one_out import largest_tail_index
from bayes.evidence import monte_carlo
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Array, Target
from bayes.sampling._jax_engines import numpyro_nuts
from closedform.validation import whole_number

SHAPE = 0.3
CHAINS = 2
"""Chains at each temperature."""
TARGET_ACCEPT = 0.9


def stepping_stone(target: Target, *, seed: int, stones: int = 32, draws_a_stone: int = 500) -> EvidenceEstimate:
    """Estimate the log evidence from ``stones`` power posteriors, with ``draws_a_stone`` draws in each of two chains.

    Its variance is the sum over the stones of var(w) / mean(w)^2 / ESS(w), with w = p(y | theta)^(beta_k - beta_(k-1)).

    Raises ValueError if the target has no normalised prior that JAX can trace, or if a number is too small.
    """
    prior = target.required_prior("stepping_stone")
    if prior.traced is None:
        raise ValueError("`method` 'stepping_stone' needs `prior.traced` of the target, for JAX; use method='bridge'.")
    whole_number("stones", stones, ", 2 or more", 2)
    draws = whole_number("draws_a_stone", draws_a_stone, ", 100 or more", 100)
    betas = (np.arange(stones + 1) / stones) ** (1 / SHAPE)
    prior_seed, start_seed, key_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(3))
    first = prior.log_likelihood(prior.sample(prior_seed, CHAINS * draws)).reshape(1, CHAINS, draws)
    # chains of beta_1, ..., beta_(K-1), started from the prior
    starts = prior.sample(start_seed, (stones - 1) * CHAINS)
    with jax.enable_x64(True):
        x = np.asarray(
            _chains(prior.traced, draws)(
                jnp.asarray(np.repeat(betas[1:-1], CHAINS)),
                jnp.asarray(starts),
                jax.random.split(jax.random.key(key_seed), len(starts)),
            )
        )  # ((K - 1) CHAINS, draws, D)
    rest = prior.log_likelihood(x.reshape(-1, target.dimension)).reshape(stones - 1, CHAINS, draws)
    log_w = np.diff(betas)[:, None, None] * np.concatenate([first, rest])  # (K, CHAINS, draws)
    return _product(log_w, target)


@lru_cache(maxsize=8)
def _chains(traced: Callable[[Any], tuple[Any, Any]], draws: int) -> Callable[..., Any]:
    """Return the compiled chains at many temperatures: betas, starts and keys -> positions."""

    def chain(beta: jax.Array, start: jax.Array, key: jax.Array) -> Any:
        def log_density(x: jax.Array) -> jax.Array:
            log_prior, log_likelihood = traced(x)
            return log_prior + beta * log_likelihood

        return numpyro_nuts(
            log_density,  # pyright: ignore[reportArgumentType]  # a position is any tree of arrays
            start,  # pyright: ignore[reportArgumentType]
            key,
            draws=draws,
            tune=draws,
            target_accept=TARGET_ACCEPT,
        ).positions

    return jax.jit(jax.vmap(chain))


def _product(log_w: Array, target: Target) -> EvidenceEstimate:
    """Return the estimate from the terms of every ratio, (K, chain, draw)."""
    log_ratios = [logsumexp(terms) - log(terms.size) for terms in log_w]
    relative = [np.exp(terms - terms.max()) for terms in log_w]
    variance = sum(monte_carlo.relative_variance(w) / monte_carlo.effective_size(w) for w in relative)
    per_stone = [monte_carlo.chain_diagnostics(terms[..., None]) for terms in log_w[1:]]
    worst = max((rhat for rhat, _ in per_stone), key=lambda d: d.value)
    k = max(monte_carlo.tail_index(terms) for terms in log_w)
    return EvidenceEstimate(
        log_evidence=float(sum(log_ratios)),
        standard_error=sqrt(variance),
        method="stepping_stone",
        evaluations=None,  # the steps of NUTS
        diagnostics=(
            Diagnostic(
                name="largest R-hat of the log likelihood at a temperature",
                value=worst.value,
                threshold=1.05,  # the largest of many
                meaning="the chains at a temperature have not converged; use more draws",
            ),
            Diagnostic(
                name="largest Pareto k of a ratio",
                value=k,
                threshold=largest_tail_index(log_w[0].size),
                meaning="two temperatures are too far apart; use more stones",
            ),
        ),
        notes=target.notes,
    )
