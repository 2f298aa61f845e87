"""NUTS by NumPyro and BlackJAX on the log density of a PyMC model, through their own APIs.

``pm.sample`` could call both, but its code for BlackJAX fails with BlackJAX 1.6 and later. The import of PyMC's JAX
module has two side effects on the whole process, and both are undone: it asks XLA for 100 host devices, and switches
JAX to float64. The engines run in float64, and the rest of the process keeps its precision.
"""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import xarray as xr
from arviz_base import dict_to_dataset
from numpyro.infer import MCMC, NUTS
from pymc.util import get_default_varnames

type Position = list[jax.Array]
type LogDensity = Callable[[Position], jax.Array]
type Chains = tuple[Position, dict[str, jax.Array]]

JITTER_TRIES = 100


def run(
    model: pm.Model,
    engine: Callable[..., Chains],
    *,
    seed: int,
    draws: int,
    chains: int,
    tune: int,
    target_accept: float,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Sample ``model`` with ``engine``.

    Returns posterior and sample stats over (chain, draw), as ``bayes.sampling.engines`` does.
    """
    pymc_jax = _pymc_jax()
    with jax.enable_x64(True):
        log_density = _log_density(pymc_jax, model)
        start_key, run_key = jax.random.split(jax.random.key(seed))
        start = _starting_points(model, log_density, start_key, chains)
        positions, stats = engine(log_density, start, run_key, draws=draws, tune=tune, target_accept=target_accept)
        variables = get_default_varnames(model.unobserved_value_vars, include_transformed=False)
        constrain = pymc_jax.get_jaxified_graph(inputs=model.value_vars, outputs=variables)
        values = jax.jit(jax.vmap(jax.vmap(constrain)))(*positions)
    posterior = {variable.name: np.asarray(value) for variable, value in zip(variables, values, strict=True)}
    coords: dict[Any, Any] = {name: np.asarray(c) for name, c in model.coords.items() if c is not None}
    dims: dict[Any, Any] = {name: list(names) for name, names in model.named_vars_to_dims.items() if name in posterior}
    return (
        dict_to_dataset(posterior, coords=coords, dims=dims),
        dict_to_dataset({name: np.asarray(value) for name, value in stats.items()}),
    )


def numpyro_nuts(
    log_density: LogDensity, start: Position, key: jax.Array, *, draws: int, tune: int, target_accept: float
) -> Chains:
    """Run NumPyro's NUTS (Phan, Pradhan and Jankowiak 2019, arXiv 1912.11554) from ``start``, one chain a row."""
    mcmc = MCMC(
        NUTS(potential_fn=lambda position: -log_density(position), target_accept_prob=target_accept),
        num_warmup=tune,
        num_samples=draws,
        num_chains=len(start[0]),
        chain_method="vectorized",
        progress_bar=False,
    )
    names = ("diverging", "accept_prob", "energy", "potential_energy", "num_steps", "adapt_state.step_size")
    # NumPyro takes a single chain without a chain axis.
    single_chain = len(start[0]) == 1
    mcmc.run(key, init_params=[value[0] for value in start] if single_chain else start, extra_fields=names)
    info = mcmc.get_extra_fields(group_by_chain=True)
    stats = {
        "diverging": info["diverging"],
        "acceptance_rate": info["accept_prob"],
        "energy": info["energy"],
        "lp": -info["potential_energy"],
        "n_steps": info["num_steps"],
        "step_size": info["adapt_state.step_size"],
    }
    return mcmc.get_samples(group_by_chain=True), stats


def blackjax_nuts(
    log_density: LogDensity, start: Position, key: jax.Array, *, draws: int, tune: int, target_accept: float
) -> Chains:
    """Run BlackJAX's NUTS (Cabezas et al. 2024, arXiv 2402.10797) after its window adaptation, one chain a row."""
    warm_up: Any = blackjax.window_adaptation(blackjax.nuts, log_density, target_acceptance_rate=target_accept)

    def chain(key: jax.Array, position: Position) -> Chains:
        warm_up_key, draws_key = jax.random.split(key)
        (state, parameters), _ = warm_up.run(warm_up_key, position, num_steps=tune)
        kernel = blackjax.nuts(log_density, **parameters)

        def step(state: Any, key: jax.Array) -> tuple[Any, Chains]:
            state, info = kernel.step(key, state)
            stats = {
                "diverging": info.is_divergent,
                "acceptance_rate": info.acceptance_rate,
                "energy": info.energy,
                "lp": state.logdensity,
                "n_steps": info.num_integration_steps,
                "step_size": parameters["step_size"],
            }
            return state, (state.position, stats)

        return jax.lax.scan(step, state, jax.random.split(draws_key, draws))[1]

    return jax.jit(jax.vmap(chain))(jax.random.split(key, len(start[0])), start)


def _log_density(pymc_jax: ModuleType, model: pm.Model) -> LogDensity:
    graph = pymc_jax.get_jaxified_graph(inputs=model.value_vars, outputs=[model.logp()])
    return lambda position: graph(*position)[0]


def _starting_points(model: pm.Model, log_density: LogDensity, key: jax.Array, chains: int) -> Position:
    """Return a starting point for each chain: PyMC's initial point, moved by U(-1, 1) on the unconstrained space."""
    initial = model.initial_point()
    centre = [jnp.asarray(initial[variable.name]) for variable in model.value_vars]
    for attempt in jax.random.split(key, JITTER_TRIES):
        keys = jax.random.split(attempt, len(centre))
        points = [
            value + jax.random.uniform(k, (chains, *value.shape), minval=-1.0, maxval=1.0)
            for k, value in zip(keys, centre, strict=True)
        ]
        if bool(jnp.isfinite(jax.vmap(log_density)(points)).all()):
            return points
    raise ValueError(f"`model` has log density -inf or nan at each of {JITTER_TRIES} starting points tried.")


def _pymc_jax() -> ModuleType:
    """Import PyMC's JAX module, and undo what the import changes for the whole process."""
    flags, float64 = os.environ.get("XLA_FLAGS"), jax.config.jax_enable_x64
    import pymc.sampling.jax as pymc_jax

    jax.config.update("jax_enable_x64", float64)
    if flags is None:
        os.environ.pop("XLA_FLAGS", None)
    else:
        os.environ["XLA_FLAGS"] = flags
    return pymc_jax
