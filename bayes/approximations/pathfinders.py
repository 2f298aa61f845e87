"""Pathfinder: of the normals along the way of L-BFGS to the mode, the one with the largest ELBO, by BlackJAX.

At each iterate the inverse Hessian that L-BFGS has so far is a covariance, and a Newton step from there is the mean.
(BlackJAX 1.7.1 takes this step in the wrong direction, see ``benchmarks/pathfinder_direction.py``. The normals here are
those that it draws from. At the mode the step is zero, so that iterates near it are hardly affected.)
Several paths from different starts give as many normals. Their draws are weighted by p~ / q_i, with the q_i of their
own path, the weights are smoothed (PSIS), and draws are resampled by them (Zhang, Carpenter, Gelman and Vehtari 2022,
"Pathfinder: parallel quasi-Newton variational inference", JMLR 23, algorithms 1 and 2).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.vi import pathfinder as blackjax_pathfinder
from numpy.typing import NDArray

from bayes.approximations.results import (
    Approximation,
    elbo_estimate,
    log_weights,
    normal_approximation,
    normal_draws,
    require_numbers,
    tree,
)
from bayes.approximations.unconstrained import Unconstrained, unconstrained_posterior
from bayes.sampling._jax_engines import NO_START, starting_point
from closedform.validation import whole_number

type Array = NDArray[np.float64]

ELBO_DRAWS = 200
"""Draws for the ELBO of each iterate, the default of BlackJAX."""


def pathfinder(model: Any, *, seed: int, paths: int = 1, draws: int = 10_000) -> Approximation:
    """Approximate the posterior of ``model`` by Pathfinder.

    The settings of L-BFGS are BlackJAX's: 30 iterations, 10 corrections, and a stop at a relative change of 1e-5.

    Parameters
    ----------
    model
        A PyMC model whose free variables are continuous, a model of the registry, or an ``unconstrained_posterior``.
    seed
        Seed of starts, fits and draws.
    paths
        Number of paths, each from PyMC's initial point moved by U(-1, 1). With 1 the result is a normal. With more,
        ``draws`` draws of every path are pooled, and ``draws`` are resampled from the pool, with replacement.
    draws
        Number of draws, 100 or more. Those of several paths may be equal to each other.

    Returns
    -------
    bayes.approximations.results.Approximation
        With the name ``"pathfinder"`` or ``"multipathfinder"``. The ELBO of several paths is the mean of theirs.

    Raises
    ------
    ValueError
        If the log density is not finite at any start, if a path has no iterate with a finite ELBO, if a free variable
        is discrete, or if a number is not valid.
    """
    started = perf_counter()
    require_numbers(seed, draws)
    whole_number("paths", paths, ", 1 or more", 1)
    target = unconstrained_posterior(model)
    fit_seed, draws_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    rng = np.random.default_rng(draws_seed)
    means, covariances = path_normals(target, fit_seed, paths)
    attrs = {"engine": "pathfinder", "seed": seed, "paths": paths}
    if paths == 1:
        result = normal_approximation(
            *("pathfinder", target), mean=means[0], covariance=covariances[0], rng=rng, draws=draws, attrs=attrs
        )
        return replace(result, seconds=perf_counter() - started)
    pool, log_q = (
        np.concatenate(parts)
        for parts in zip(
            *(normal_draws(m, C, rng, draws) for m, C in zip(means, covariances, strict=True)), strict=True
        )
    )
    log_p = target.log_density(pool)
    weights = np.exp(log_weights(log_p - log_q)[0])
    resampled = pool[rng.choice(len(pool), size=draws, p=weights / weights.sum())]
    elbo, elbo_se = elbo_estimate(log_p - log_q)
    return Approximation(
        name="multipathfinder",
        draws=tree(target, target.constrain(resampled), attrs),
        log_q=log_q,
        log_p=log_p,
        mean=None,
        covariance=None,
        mode=None,
        elbo=elbo,
        elbo_se=elbo_se,
        seconds=perf_counter() - started,
        target=target,
    )


def path_normals(target: Unconstrained, seed: int, paths: int) -> tuple[Array, Array]:
    """Return means (paths, D) and covariances (paths, D, D) of the best normal of each path. Raises as above."""
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):  # BlackJAX promotes
        fits = [_path(target)(key) for key in jax.random.split(jax.random.key(seed), paths)]
    found, elbo, position, gradient, alpha, beta, gamma = (np.array(values) for values in zip(*fits, strict=True))
    if not found.all():
        raise ValueError(NO_START)
    if not np.isfinite(elbo).all():
        raise ValueError(
            f"`model` has no iterate with a finite ELBO on {int((~np.isfinite(elbo)).sum())} of {paths} paths; give "
            "better initial values to its variables, or reparametrise it."
        )
    # Sigma = diag(alpha) + beta gamma beta',    mean = position + Sigma gradient, with BlackJAX's sign
    covariance = alpha[:, :, None] * np.eye(target.size) + beta @ gamma @ beta.swapaxes(1, 2)
    covariance = (covariance + covariance.swapaxes(1, 2)) / 2
    return position + np.einsum("pij,pj->pi", covariance, gradient), covariance


@lru_cache(maxsize=16)
def _path(target: Unconstrained) -> Callable[[jax.Array], tuple[jax.Array, ...]]:
    """Return the compiled function from a key to a path: found, ELBO, position, gradient, alpha, beta, gamma.

    Compiling takes longer than all paths. One path at a time, the function is the same for any number of them.
    """

    def path(key: jax.Array) -> tuple[jax.Array, ...]:
        start_key, fit_key = jax.random.split(key)
        (start,), found = starting_point(
            lambda position: target.traced(position[0]), [jnp.asarray(target.initial_point)], start_key
        )
        state, _ = blackjax_pathfinder.approximate(fit_key, target.traced, start, num_samples=ELBO_DRAWS)
        return found, state.elbo, state.position, state.grad_position, state.alpha, state.beta, state.gamma

    return jax.jit(path)
