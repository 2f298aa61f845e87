"""NUTS by nutpie and by PyMC, one chain on one data set after another, compiled once a model.

``pm.sample`` compiles at each call. Here the data are shared variables of the compiled functions, and the sampler
begins anew on each data set: the same seed and data give the same draws, whatever ran before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import nutpie
import pyarrow
import pymc as pm
from numpy.typing import NDArray
from pymc.blocking import DictToArrayBijection
from pymc.step_methods.hmc.quadpotential import QuadPotentialDiagAdapt

from bayes.sampling._jax_engines import JITTER_TRIES, NO_START, constrained_variables
from bayes.sampling.engines import TARGET_ACCEPT
from bayes.sampling.swapped_data import SwappedData, with_shared_data

type Draws = dict[str, NDArray[Any]]
"""The variables by name, (1, draws, ...), ``diverging`` (1, draws), and ``n_steps`` (tune + draws,)."""

WEIGHT = 10
"""Draws that the first variances of PyMC's mass matrix count for, as in ``pm.init_nuts``."""


def nutpie_draws(model: pm.Model, y: Any, *, seed: int, draws: int, tune: int) -> Draws:
    """Return the draws of one chain by nutpie. Raises ValueError if ``y`` has not the shape of the model's data."""
    program = _nutpie(model)
    data = program.swapped.data(y)
    names = (variable.name for variable in program.swapped.inputs)
    with_data = program.compiled.with_data(**dict(zip(names, data, strict=True)))
    trace: Any = nutpie.sample(
        with_data,
        draws=draws,
        tune=tune,
        chains=1,
        cores=1,
        seed=seed % 2**64,
        target_accept=TARGET_ACCEPT,
        progress_bar=False,
        return_raw_trace=True,  # as arrays; a DataTree takes longer than the sampling
    )
    (values,), (stats,) = trace.get_arrow_trace()
    found = {name: _column(values, name)[None, tune:] for name in program.variables}
    return found | {"diverging": _column(stats, "diverging")[None, tune:], "n_steps": _column(stats, "n_steps")}


def pymc_draws(model: pm.Model, y: Any, *, seed: int, draws: int, tune: int) -> Draws:
    """Return the draws of one chain by PyMC's NUTS, from a step method made anew. Raises ValueError as above."""
    program = _pymc(model)
    for variable, data in zip(program.swapped.inputs, program.swapped.data(y), strict=True):
        variable.set_value(data)
    start_rng, potential_rng, chain_rng = np.random.default_rng(seed).spawn(3)
    start = _starting_point(program.log_density, program.centre, start_rng)
    flat = DictToArrayBijection.map(start).data
    step = pm.NUTS(
        model=program.swapped.model,
        potential=QuadPotentialDiagAdapt(len(flat), flat, np.ones_like(flat), WEIGHT, rng=potential_rng),
        logp_dlogp_func=program.log_density,
        target_accept=TARGET_ACCEPT,
        initial_point=start,
        rng=chain_rng,
    )
    step.setup_chain(chain_rng, tune, draws)
    point, points, stats = start, [], []
    for i in range(tune + draws):
        if i == tune:
            step.stop_tuning()
        point, (stat,) = step.step(point)
        stats.append(stat)
        if i >= tune:
            points.append(program.constrain(point))
    found = {name: np.array([values[k] for values in points])[None] for k, name in enumerate(program.variables)}
    return found | {
        "diverging": np.array([[stat["diverging"] for stat in stats[tune:]]]),
        "n_steps": np.array([stat["tree_size"] for stat in stats]),
    }


SAMPLERS: dict[str, Callable[..., Draws]] = {"nutpie": nutpie_draws, "pymc": pymc_draws}
"""Name of an engine -> its sampler."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Nutpie:
    swapped: SwappedData
    variables: tuple[str, ...]
    compiled: Any


@dataclass(frozen=True, kw_only=True, eq=False)
class _PyMC:
    swapped: SwappedData
    variables: tuple[str, ...]
    centre: dict[str, NDArray[Any]]
    log_density: Any
    constrain: Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]


@lru_cache(maxsize=16)
def _nutpie(model: pm.Model) -> _Nutpie:
    swapped = with_shared_data(model)
    return _Nutpie(swapped=swapped, variables=_names(swapped.model), compiled=nutpie.compile_pymc_model(swapped.model))


@lru_cache(maxsize=16)
def _pymc(model: pm.Model) -> _PyMC:
    swapped = with_shared_data(model)
    log_density = swapped.model.logp_dlogp_function(ravel_inputs=True)
    log_density.trust_input = True
    initial = swapped.model.initial_point()
    return _PyMC(
        swapped=swapped,
        variables=_names(swapped.model),
        centre={variable.name: initial[variable.name] for variable in swapped.model.value_vars},
        log_density=log_density,
        constrain=swapped.model.compile_fn(
            constrained_variables(swapped.model), inputs=swapped.model.value_vars, on_unused_input="ignore"
        ),
    )


def _names(model: pm.Model) -> tuple[str, ...]:
    return tuple(variable.name for variable in constrained_variables(model))


def _starting_point(
    log_density: Any, centre: dict[str, NDArray[Any]], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Return ``centre`` moved by U(-1, 1), the first of 100 candidates with a finite log density."""
    for _ in range(JITTER_TRIES):
        point = {name: np.asarray(value + rng.uniform(-1, 1, np.shape(value))) for name, value in centre.items()}
        if np.isfinite(log_density([DictToArrayBijection.map(point).data], extra_vars={})[0]):
            return point
    raise ValueError(NO_START)


def _column(table: Any, name: str) -> NDArray[Any]:
    """Return a column of nutpie's table, (rows, ...)."""
    column = table.column(name)
    shape = (column.field.metadata or {}).get(b"shape", b"").decode()
    array: Any = pyarrow.array(column)
    flat = (array.flatten() if hasattr(array, "flatten") else array).to_numpy(zero_copy_only=False)
    return flat.reshape(table.num_rows, *(int(n) for n in shape.split(",") if n))
