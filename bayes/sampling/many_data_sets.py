"""HMC and NUTS on many data sets at a time: one program, compiled once, with the data as its argument.

A batch has a fixed number of lanes; a lane is one chain on one data set. Data set i always is in lane i mod 100, and
its random numbers come from the key ``fold_in(key(seed), i)``. So its draws do not depend on the other data sets, nor
on where and when they run.

Every device gets the same program, compiled for it alone. ``jax.shard_map`` over a mesh of all devices would be
shorter, but XLA then optimises the program in another way as soon as there are two devices, and the last bits change.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
from jax.sharding import SingleDeviceSharding
from numpy.typing import NDArray

from bayes.sampling._jax_engines import (
    Chain,
    blackjax_nuts,
    constrained_variables,
    initial_position,
    jaxified_graph,
    numpyro_hmc,
    numpyro_nuts,
    starting_point,
)
from bayes.sampling.engines import TARGET_ACCEPT
from bayes.sampling.swapped_data import SwappedData, with_symbolic_data

BATCH = 100
"""Data sets in a batch. More are faster on a cheap model. On a dear one a batch waits longer for its slowest chain."""
MOST_THREADS = 8
"""Batches on the cores of one processor at a time. The draws are compared with the exact posterior by one core."""

CHAINS: dict[str, Callable[..., Chain]] = {"numpyro": numpyro_nuts, "blackjax": blackjax_nuts, "hmc": numpyro_hmc}
"""Name of an engine -> its chain. ``hmc`` is NumPyro's, with a fixed length of the trajectories."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The draws on the data sets of one batch."""

    values: dict[str, NDArray[Any]]
    """The variables by name, (100, draws, ...)."""
    diverging: NDArray[np.bool_]
    """(100, draws)"""
    steps: NDArray[np.int64]
    """Leapfrog steps with those of the warm-up, (100,)."""
    started: NDArray[np.bool_]
    """Whether there was a starting point with a finite density, (100,). If not, the draws have no meaning."""
    seconds: float
    """Time of the program on its device."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectorised:
    """A sampler that is compiled for every device of this process."""

    swapped: SwappedData
    names: tuple[str, ...]
    """The names of the variables."""
    programs: tuple[tuple[Any, Any], ...]
    """Each device with its program."""
    threads: int
    """Calls of ``run`` that can go on at a time."""

    def run(self, seed: int, batch: int, data: tuple[NDArray[Any], ...]) -> Batch:
        """Return the draws on the data sets of one batch, whose data are ``data``, each (100, ...)."""
        device, program = self.programs[batch % len(self.programs)]
        start = time.perf_counter()
        with jax.enable_x64(True):  # the setting of this thread, put back at the end
            indices = np.arange(batch * BATCH, (batch + 1) * BATCH)
            arguments = jax.device_put((np.int64(seed), indices, *data), device)
            values, diverging, steps, started = jax.device_get(program(*arguments))
        return Batch(
            values=dict(zip(self.names, values, strict=True)),
            diverging=diverging,
            steps=steps,
            started=started,
            seconds=time.perf_counter() - start,
        )


@lru_cache(maxsize=16)
def vectorised(model: pm.Model, engine: str, draws: int, tune: int) -> Vectorised:
    """Return the sampler of ``CHAINS`` compiled for ``model``, with its data as an argument.

    It is compiled once a process. Raises ValueError if nothing is observed in the model.
    """
    swapped = with_symbolic_data(model)
    variables = constrained_variables(swapped.model)
    devices = jax.local_devices()
    jaxified = jaxified_graph()
    # The functions come from graphs, and are made outside of the threads, since PyTensor is not for threads.
    inputs = [*swapped.model.value_vars, *swapped.inputs]
    with jax.enable_x64(True):
        density = jaxified(inputs=inputs, outputs=[swapped.model.logp()])
        constrain = jaxified(inputs=inputs, outputs=variables)
        centre = [np.asarray(value) for value in initial_position(swapped.model)]  # the copy has its own order

    def lane(seed: jax.Array, i: jax.Array, *data: jax.Array) -> Any:
        start_key, run_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), i))

        def log_density(position: list[jax.Array]) -> jax.Array:
            return density(*position, *data)[0]

        place, started = starting_point(log_density, [jnp.asarray(value) for value in centre], start_key)
        chain = CHAINS[engine](log_density, place, run_key, draws=draws, tune=tune, target_accept=TARGET_ACCEPT)
        values = jax.vmap(lambda position: constrain(*position, *data))(chain.positions)
        return values, chain.stats["diverging"], chain.warm_up_steps + chain.stats["n_steps"].sum(), started

    lanes = jax.jit(jax.vmap(lane, in_axes=(None, 0, *(0 for _ in swapped.inputs))))

    def compiled(device: Any) -> Any:
        with jax.enable_x64(True):
            arguments = [
                jax.ShapeDtypeStruct(shape, dtype, sharding=SingleDeviceSharding(device))
                for shape, dtype in [
                    ((), np.int64),
                    ((BATCH,), np.int64),
                    *(
                        ((BATCH, *shape), variable.dtype)
                        for shape, variable in zip(swapped.shapes, swapped.inputs, strict=True)
                    ),
                ]
            ]
            return lanes.lower(*arguments).compile()

    first = compiled(devices[0])  # it is traced once, and then compiled for the other devices at the same time
    with ThreadPoolExecutor(max_workers=MOST_THREADS) as pool:
        programs = [first, *pool.map(compiled, devices[1:])]
    cores = min(os.cpu_count() or 1, MOST_THREADS) if jax.default_backend() == "cpu" else 1
    return Vectorised(
        swapped=swapped,
        names=tuple(variable.name for variable in variables),
        programs=tuple(zip(devices, programs, strict=True)),
        threads=max(len(devices), cores),
    )
