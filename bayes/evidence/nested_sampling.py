"""Nested sampling by BlackJAX's nested slice sampler.

Live points of the prior are replaced, the lowest in likelihood first, by points of the prior above their likelihood L.
The prior mass X above L shrinks by a known law, and Z = int L dX (Skilling 2006, "Nested sampling for general Bayesian
computation"). Points are replaced by slice sampling (Yallup, Kroupa and Handley 2026, arXiv 2601.23252, as BlackJAX
cites it).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.ns.utils import finalise, log_weights

from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Target
from closedform.validation import whole_number

REMAINDER = -3.0
"""The run ends when the live points hold less than exp(-3) of the evidence, and these are then counted too."""
SHRINKAGES = 1000
"""Simulations of the shrinkage of the prior mass, whose spread is the claimed error."""
MOST_STEPS = 10_000


def nested(target: Target, *, seed: int, live: int = 500, inner_steps: int | None = None) -> EvidenceEstimate:
    """Estimate the log evidence by nested sampling.

    Parameters
    ----------
    target
        The density, as prior and likelihood that JAX can trace.
    seed
        Seed of everything random.
    live
        Number of live points, 100 or more. A tenth of them is replaced at a time.
    inner_steps
        Slice steps for each new point; by default 5 D and at least 10. With too few the new point is not independent of
        the old one, and the evidence is wrong in a way that no error shows.

    Returns
    -------
    bayes.evidence.results.EvidenceEstimate
        The mean of log Z over simulated shrinkages, and their sd, about sqrt(H / N) with the information H in nats.

    Raises
    ------
    ValueError
        If the target has no normalised prior that JAX can trace, or if a number is invalid.
    """
    prior = target.required_prior("nested")
    if prior.traced is None:
        raise ValueError("`method` 'nested' needs `prior.traced` of the target, for JAX; use method='bridge'.")
    whole_number("live", live, ", 100 or more", 100)
    steps = max(10, 5 * target.dimension) if inner_steps is None else inner_steps
    whole_number("inner_steps", steps, ", 1 or more", 1)
    prior_seed, key_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    with jax.enable_x64(True):
        init, step = _sampler(prior.traced, steps, live // 10)
        points = jnp.asarray(prior.sample(prior_seed, live))
        key, shrinkage_key = jax.random.split(jax.random.key(key_seed))
        state = init(points)
        dead: list[Any] = []
        while not state.integrator.logZ_live - state.integrator.logZ < REMAINDER:
            if len(dead) == MOST_STEPS:
                raise ValueError(
                    f"`live` = {live}: the run has not ended after {MOST_STEPS} steps; use method='bridge'."
                )
            key, step_key = jax.random.split(key)
            state, info = step(step_key, state)
            dead.append(info)
        points_info = finalise(state, dead, update_info=False)
        weights = np.asarray(log_weights(shrinkage_key, points_info, shape=SHRINKAGES))  # (points, SHRINKAGES)
    log_z = np.logaddexp.reduce(weights, axis=0)
    normalised = np.exp(weights.mean(axis=1) - np.logaddexp.reduce(weights.mean(axis=1)))
    return EvidenceEstimate(
        log_evidence=float(log_z.mean()),
        standard_error=float(log_z.std()),
        method="nested",
        evaluations=None,  # a slice takes as many as it needs
        diagnostics=(
            Diagnostic(
                name="points that the posterior is worth",
                value=float(1 / np.sum(normalised**2)),
                threshold=100,
                at_least=True,
                meaning="few points have most of the evidence; use more live points",
            ),
        ),
        notes=target.notes,
    )


@lru_cache(maxsize=8)
def _sampler(
    traced: Callable[[Any], tuple[Any, Any]], steps: int, deleted: int
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the compiled start and step of the sampler."""
    algorithm: Any = blackjax.nss(
        logprior_fn=lambda x: traced(x)[0],
        loglikelihood_fn=lambda x: traced(x)[1],
        num_inner_steps=steps,
        num_delete=deleted,
    )
    return jax.jit(algorithm.init), jax.jit(algorithm.step)
