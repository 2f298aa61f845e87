"""NumPyro and BlackJAX on the log density of a PyMC model, through their own APIs, one chain at a time.

The functions are traced: ``jax.vmap`` makes many chains of them, or a chain on each of many data sets (``vectorised``).

``pm.sample`` could call both, but its code for BlackJAX fails with BlackJAX 1.6 and later. The import of PyMC's JAX
module has two side effects on the whole process, and both are undone: it asks XLA for 100 host devices, and switches
JAX to float64. The engines run in float64, and the rest of the process keeps its precision.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import pi
from types import ModuleType
from typing import Any, NamedTuple

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import xarray as xr
from arviz_base import dict_to_dataset
from numpyro.infer.hmc import hmc
from pymc.util import get_default_varnames

type Position = list[jax.Array]
type LogDensity = Callable[[Position], jax.Array]

JITTER_TRIES = 100
NO_START = f"`model` has log density -inf or nan at each of {JITTER_TRIES} starting points tried."


class Chain(NamedTuple):
    """The draws of one chain."""

    positions: Position
    """On the unconstrained space, each with the draws on the first axis."""
    stats: dict[str, jax.Array]
    """Of each draw, with the names of ``bayes.sampling.engines``."""
    warm_up_steps: jax.Array
    """Leapfrog steps of the whole warm-up."""


def run(
    model: pm.Model,
    engine: Callable[..., Chain],
    *,
    seed: int,
    draws: int,
    chains: int,
    tune: int,
    target_accept: float,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Sample ``model`` with ``engine``, all chains vectorised on one JAX device.

    Returns posterior and sample stats over (chain, draw), as ``bayes.sampling.engines`` does.
    """
    jaxified = jaxified_graph()
    with jax.enable_x64(True):
        graph = jaxified(inputs=model.value_vars, outputs=[model.logp()])
        centre = initial_position(model)

        def log_density(position: Position) -> jax.Array:
            return graph(*position)[0]

        def chain(start: Position, key: jax.Array) -> Chain:
            return engine(log_density, start, key, draws=draws, tune=tune, target_accept=target_accept)

        start_key, run_key = jax.random.split(jax.random.key(seed))
        starts, found = jax.jit(jax.vmap(lambda key: starting_point(log_density, centre, key)))(
            jax.random.split(start_key, chains)
        )
        if not found.all():
            raise ValueError(NO_START)
        positions, stats, _ = jax.jit(jax.vmap(chain))(starts, jax.random.split(run_key, chains))
        variables = constrained_variables(model)
        constrain = jaxified(inputs=model.value_vars, outputs=variables)
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
) -> Chain:
    """Run NumPyro's NUTS (Phan, Pradhan and Jankowiak 2019, arXiv 1912.11554) from ``start``."""
    init, step = hmc(potential_fn=lambda position: -log_density(position), algo="NUTS")
    return _numpyro_chain(init(start, tune, target_accept_prob=target_accept, rng_key=key), step, draws, tune)


def numpyro_hmc(
    log_density: LogDensity, start: Position, key: jax.Array, *, draws: int, tune: int, target_accept: float
) -> Chain:
    """Run NumPyro's HMC from ``start``, with trajectories of pi/2: a quarter of the period on a normal posterior."""
    init, step = hmc(potential_fn=lambda position: -log_density(position), algo="HMC")
    state = init(start, tune, trajectory_length=pi / 2, target_accept_prob=target_accept, rng_key=key)
    return _numpyro_chain(state, step, draws, tune)


def blackjax_nuts(
    log_density: LogDensity, start: Position, key: jax.Array, *, draws: int, tune: int, target_accept: float
) -> Chain:
    """Run BlackJAX's NUTS (Cabezas et al. 2024, arXiv 2402.10797) after its window adaptation."""
    warm_up_key, draws_key = jax.random.split(key)
    warm_up: Any = blackjax.window_adaptation(blackjax.nuts, log_density, target_acceptance_rate=target_accept)
    (state, parameters), adaptation = warm_up.run(warm_up_key, start, num_steps=tune)
    kernel = blackjax.nuts(log_density, **parameters)

    def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
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

    positions, stats = jax.lax.scan(step, state, jax.random.split(draws_key, draws))[1]
    return Chain(positions, stats, jnp.sum(adaptation.info.num_integration_steps))


def starting_point(log_density: LogDensity, centre: Position, key: jax.Array) -> tuple[Position, jax.Array]:
    """Return ``centre`` moved by U(-1, 1), and whether the log density is finite there.

    It is the first of 100 candidates with a finite log density.
    """

    def candidate(k: Any) -> tuple[Any, Position, jax.Array]:
        keys = jax.random.split(jax.random.fold_in(key, k), len(centre))
        point = [
            value + jax.random.uniform(place, value.shape, minval=-1.0, maxval=1.0)
            for place, value in zip(keys, centre, strict=True)
        ]
        return k, point, jnp.isfinite(log_density(point))

    _, point, found = jax.lax.while_loop(
        lambda state: (state[0] < JITTER_TRIES - 1) & ~state[2], lambda state: candidate(state[0] + 1), candidate(0)
    )
    return point, found


def initial_position(model: pm.Model) -> Position:
    """Return PyMC's initial point on the unconstrained space."""
    point = model.initial_point()
    return [jnp.asarray(point[variable.name]) for variable in model.value_vars]


def constrained_variables(model: pm.Model) -> list[Any]:
    """Return the free variables and the deterministics."""
    return get_default_varnames(model.unobserved_value_vars, include_transformed=False)


def jaxified_graph() -> Callable[..., Callable[..., Any]]:
    """Return PyMC's ``get_jaxified_graph``. What its import changes for the whole process is undone."""
    return _pymc_jax().get_jaxified_graph


def _numpyro_chain(state: Any, step: Callable[[Any], Any], draws: int, tune: int) -> Chain:
    def warm_up(carry: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
        state = step(carry[0])
        return (state, carry[1] + state.num_steps), None

    def draw(state: Any, _: None) -> tuple[Any, Any]:
        state = step(state)
        stats = {
            "diverging": state.diverging,
            "acceptance_rate": state.accept_prob,
            "energy": state.energy,
            "lp": -state.potential_energy,
            "n_steps": state.num_steps,
            "step_size": state.adapt_state.step_size,
        }
        return state, (state.z, stats)

    (state, steps), _ = jax.lax.scan(warm_up, (state, jnp.zeros_like(state.num_steps)), length=tune)
    positions, stats = jax.lax.scan(draw, state, length=draws)[1]
    return Chain(positions, stats, steps)


def _pymc_jax() -> ModuleType:
    """Import PyMC's JAX module, and undo what the import changes for the whole process."""
    flags = os.environ.get("XLA_FLAGS")
    with ThreadPoolExecutor(max_workers=1) as new_thread:  # this one may be within `with jax.enable_x64(True)`
        float64 = new_thread.submit(lambda: jax.config.jax_enable_x64).result()
    import pymc.sampling.jax as pymc_jax

    jax.config.update("jax_enable_x64", float64)
    if flags is None:
        os.environ.pop("XLA_FLAGS", None)
    else:
        os.environ["XLA_FLAGS"] = flags
    return pymc_jax
