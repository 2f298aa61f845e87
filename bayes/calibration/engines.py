"""NUTS on simulated data sets, compiled once a model: by JAX many data sets at a time, or one after another.

Call ``jax.distributed.initialize`` before this module is imported: NumPyro and BlackJAX start JAX's devices.
"""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pymc as pm

from bayes.calibration.outcomes import Outcome, Sampler, summarised
from bayes.calibration.processes import gathered
from bayes.calibration.simulation import Simulation
from bayes.io.draws import Draws, DrawsLike
from bayes.registry import Model
from bayes.sampling._jax_engines import NO_START
from bayes.sampling.many_data_sets import BATCH, CHAINS, Batch, Vectorised, vectorised
from closedform.reasons import one_line

COMPILED_ENGINES = ("nutpie", "pymc")
"""Engines of ``compiled_sampler``."""

_programs: dict[bytes, pm.Model] = {}
"""The program of every model of the registry that was asked for in this process."""


def vectorised_outcomes(
    simulation: Simulation, engine: str, *, seed: int, indices: Sequence[int], draws: int, tune: int
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of the data sets ``indices``, about 100 at a time.

    Whole batches run, so that a data set has the same draws whichever others are asked for. Batches run in threads, on
    all devices of this process; while they do, the draws of the last one are compared with the exact posteriors. Under
    ``jax.distributed`` each process takes its share of the batches, and all yield the same outcomes.

    Parameters
    ----------
    simulation
        Its model must be a PyMC model, or a model of the registry.
    engine
        A name in ``CHAINS``. Each has one chain a data set.
    seed
        Seed of the data sets and, with the number of the data set, of their chains.
    indices
        The numbers of the data sets.
    draws, tune
        Draws to keep, and warm-up iterations.

    Raises
    ------
    ValueError
        If ``engine`` is unknown, or the model has no program.
    """
    _require("engine", engine, CHAINS)
    sampler = _vectorised(simulation, engine, draws, tune)
    return _outcomes(simulation, sampler, seed, set(indices))


@dataclass(frozen=True)
class CompiledSampler:
    """One chain of nutpie, or of PyMC's NUTS, compiled once a model and process."""

    engine: str
    draws: int
    tune: int

    def __call__(self, model: Any, y: Any, seed: int) -> DrawsLike:
        from bayes.sampling.compiled_once import SAMPLERS

        return SAMPLERS[self.engine](program(model), y, seed=seed, draws=self.draws, tune=self.tune)


def compiled_sampler(engine: str, draws: int, tune: int) -> Sampler:
    """Return a picklable ``sample(model, y, seed)`` that compiles once a model and process.

    Raises ValueError if ``engine`` is not one of ``COMPILED_ENGINES``, and when called, if the model has no program.
    """
    _require("engine", engine, COMPILED_ENGINES)
    return CompiledSampler(engine, draws, tune)


def program(model: Any) -> pm.Model:
    """Return the PyMC model of ``model``: the same object for every data set of the same size.

    Raises ValueError if it is neither a PyMC model nor a model of the registry.
    """
    if isinstance(model, pm.Model):
        return model
    if not isinstance(model, Model):
        raise ValueError(
            f"`model` {type(model).__name__} has no PyMC program, which this engine needs; give a model of "
            "`bayes.models`, with your hyperparameters by `with_data(y, exact=...)`, or a PyMC model."
        )
    key = pickle.dumps((model.name, model.exact, model.y.shape))
    if key not in _programs:
        _programs[key] = model.program()
    return _programs[key]


def _vectorised(simulation: Simulation, engine: str, draws: int, tune: int) -> Vectorised:
    return vectorised(program(simulation.model(simulation.data_set(0, 0)[1])), engine, draws, tune)


def _outcomes(simulation: Simulation, sampler: Vectorised, seed: int, wanted: set[int]) -> Iterator[list[Outcome]]:
    batches = sorted({i // BATCH for i in wanted})
    processes = jax.process_count()
    mine = deque(batches[jax.process_index() :: processes])
    with ThreadPoolExecutor(sampler.threads) as pool:
        running: deque[tuple[int, list[Any], Future[Batch]]] = deque()
        try:
            for _ in range(0, len(batches), processes):
                while mine and len(running) <= sampler.threads:  # one more than run, so that no thread waits
                    running.append(_started(pool, simulation, sampler, seed, mine.popleft()))
                outcomes = _scored(simulation, seed, wanted, *running.popleft()) if running else []
                yield outcomes if processes == 1 else gathered(outcomes)
        finally:
            pool.shutdown(cancel_futures=True)


def _started(
    pool: ThreadPoolExecutor, simulation: Simulation, sampler: Vectorised, seed: int, batch: int
) -> tuple[int, list[Any], Future[Batch]]:
    """Simulate the data sets of a batch here, and let a thread sample."""
    data_sets = [simulation.data_set(seed, i) for i in range(batch * BATCH, (batch + 1) * BATCH)]
    data = [sampler.swapped.data(y) for _, y in data_sets]
    arrays = tuple(np.stack(values) for values in zip(*data, strict=True))
    return batch, data_sets, pool.submit(sampler.run, seed, batch, arrays)


def _scored(
    simulation: Simulation, seed: int, wanted: set[int], batch: int, data_sets: list[Any], running: Future[Batch]
) -> list[Outcome]:
    found = running.result()
    outcomes = []
    for lane, (truth, y) in enumerate(data_sets):
        i = batch * BATCH + lane
        if i in wanted:
            outcomes.append(_outcome(simulation, seed, i, truth, y, found, lane))
    return outcomes


def _outcome(
    simulation: Simulation, seed: int, i: int, truth: dict[str, Any], y: Any, batch: Batch, lane: int
) -> Outcome:
    """Return the outcome of one lane of a batch. Its time is its share of that of the batch."""
    seconds = batch.seconds / BATCH
    if not batch.started[lane]:
        return Outcome(index=i, seconds=seconds, failure=f"ValueError: {NO_START}")
    draws = {name: values[lane][None] for name, values in batch.values.items()}
    stats = {"diverging": batch.diverging[lane][None], "n_steps": batch.steps[lane][None]}
    found = Draws(posterior=draws, sample_stats=stats)
    try:
        return summarised(simulation, seed, i, truth, y, found, seconds=seconds, are_chains=True)
    except Exception as error:  # as in `outcome`
        return Outcome(index=i, seconds=seconds, failure=f"{type(error).__name__}: {one_line(error)}")


def _require(name: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(allowed)}, got {value!r}.")
