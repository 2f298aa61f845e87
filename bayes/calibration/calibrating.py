"""Run a sampler on many simulated data sets, and judge it by their exact posteriors."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes.calibration.main_guard import end_if_imported_by_a_worker
from bayes.calibration.outcomes import Sampler
from bayes.calibration.repeats import require_independent
from bayes.calibration.results import Calibration, calibration
from bayes.calibration.runs import DONE, Runs, locked
from bayes.calibration.samplers import Described, Run, described, of_first, running
from bayes.calibration.simulation import Simulation, exact_simulation
from bayes.registry import get_model
from closedform.multiple_testing import ALPHA
from closedform.validation import require, whole_number

if TYPE_CHECKING:
    from distributed import Client

HOPELESS = 5
"""If the sampler fails on so many data sets and has finished none, it is not run on the others. When it has finished so
many, it is looked at whether they are independent, and again at the end."""
MOST_SEED = 2**63 - 1


def calibrate(
    sample: Sampler | str,
    model: Any,
    *,
    datasets: int = 200,
    draws: int = 500,
    tune: int = 500,
    observations: int | None = None,
    seed: int = 0,
    alpha: float = ALPHA,
    workers: int | None = None,
    scheduler: "str | Client | None" = None,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run ``sample`` on simulated data sets of ``model``, and compare its draws with their exact posteriors.

    Parameters are drawn from the prior, and data given them. On each data set the sampler is run, and its draws become
    normal scores by the exact posterior. Averages of these over the draws are independent between data sets, and are
    tested without an MCSE (``bayes.calibration.pooled``). From the same draws come the ranks of the true
    parameters, that is simulation-based calibration (``bayes.calibration.ranks``), and if the sampler estimates the
    evidence, its calibration. All checks are one family.

    Parameters
    ----------
    sample
        ``sample(model, y, seed)`` returns posterior draws as ``bayes.check`` takes them: a mapping from names to arrays
        of shape (chain, draw, ...), or an ArviZ ``DataTree``. Its ``model`` is a ``bayes.registry.Model`` whose data
        are ``y``, so that ``model.program()`` is its PyMC program, or the exact model or PyMC model that you gave. Or
        the name of an engine of NUTS: ``"numpyro"`` and ``"blackjax"`` run many data sets at a time on all devices of
        JAX; ``"nutpie"`` and ``"pymc"`` compile once in each worker process. ``"hmc"`` is NumPyro's HMC with
        trajectories of one length.
    model
        A model of the registry or its name, an exact model as those of ``bayes.exact``, or a PyMC model. A PyMC model
        has no exact posterior, and is judged by ranks alone.
    datasets
        Number of simulated data sets. With fewer than 20 nothing passes.
    draws, tune
        Draws and steps of warm-up of an engine on each data set, in one chain. A function decides for itself.
    observations
        Observations in each data set. By default as many as the example of the registry has.
    seed
        Seed of everything random, 0 to 2^63 - 1. Data set i depends on (seed, i) alone, whatever runs before or beside
        it.
    alpha
        Probability that a correct sampler has a failed check.
    workers
        Processes on this machine that run the sampler, with one thread each; by default one for each core. With 0 it
        runs in this process. A script that starts processes must call this function below ``if __name__ ==
        "__main__":``. The engines of JAX need no workers.
    scheduler
        Address of a Dask scheduler, ``tcp://`` or ``tls://``, or a ``distributed.Client``, in place of ``workers``.
    out
        A folder in Zarr's format. Outcomes are kept in it as they come, and the same call continues from them, after a
        kill too. It may be continued with more or fewer data sets, and not with anything else that is different. A
        changed function ``sample`` is noticed by its own source, and not by that of what it calls. Failures are kept as
        well: the sampler is not tried on them again.
    progress
        Called as ``progress(done, datasets)`` when outcomes have come.

    Returns
    -------
    bayes.calibration.results.Calibration
        ``verdict``, ``checks``, ``coverage()``, ``ecdf(name)`` and ``cost()``; printed, it is a table. Data sets on
        which the sampler raised, or returned nan or a wrong shape, are in ``failures``, and nothing passes then.

    Raises
    ------
    ValueError
        If an argument is invalid. If the sampler fails on every data set (after five it is given up), returns the same
        draws for two of them, or uses the same random numbers for all. If ``out`` was made with something else, or is
        in use. If workers cannot be started or reached, or the sampler cannot be sent to them.
    ModuleNotFoundError
        If Dask or an engine is needed and not installed.

    Examples
    --------
    >>> import numpy as np
    >>> def right(model, y, seed):
    ...     return {"mu": model.exact.posterior(y).rvs((1, 100), random_state=np.random.default_rng(seed))}
    >>> calibrate(right, "normal_normal", datasets=100, workers=0).verdict
    'pass'
    >>> def too_wide(model, y, seed):
    ...     posterior = model.exact.posterior(y)
    ...     return {"mu": posterior.mean() + 1.1 * (right(model, y, seed)["mu"] - posterior.mean())}
    >>> calibrate(too_wide, "normal_normal", datasets=100, workers=0).verdict
    'fail'
    """
    (result,) = calibrations(
        sample,
        [model],
        datasets=datasets,
        draws=draws,
        tune=tune,
        observations=observations,
        seed=seed,
        alpha=alpha,
        workers=workers,
        scheduler=scheduler,
        out=out,
        progress=None if progress is None else lambda _, done, total: progress(done, total),
    )
    return result


def calibrations(
    sample: Sampler | str,
    models: Sequence[Any],
    *,
    datasets: int,
    draws: int = 500,
    tune: int = 500,
    observations: int | None = None,
    seed: int = 0,
    alpha: float = ALPHA,
    workers: int | None = None,
    scheduler: "str | Client | None" = None,
    out: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Calibration]:
    """Return the results of ``calibrate`` on several models, one after the other on the same workers.

    The parameters and errors are those of ``calibrate``; an error of several models names the one it is of.
    ``progress`` is called with the label of the model first. For one verdict, judge the ``unjudged`` checks of all.
    """
    end_if_imported_by_a_worker()
    whole_number("datasets", datasets, ", 1 or more", 1)
    whole_number("seed", seed, " from 0 to 2^63 - 1", 0, MOST_SEED)
    is_probability = isinstance(alpha, Real) and 0 < float(alpha) < 1
    require("alpha", alpha, is_probability, "between 0 and 1, the family's false-alarm rate")
    require("out", out, out is None or isinstance(out, str | Path), "a path, or None")
    sampler = described(sample, draws, tune)
    simulations = [simulation_of(model, observations) for model in models]
    path = None if out is None else Path(out)
    with ExitStack() as stack:
        if path is not None:
            of_first(sampler, partial(_enter, stack, locked(path)))
        run = stack.enter_context(
            running(sampler, seed=seed, draws=draws, tune=tune, workers=workers, scheduler=scheduler)
        )
        results = []
        for simulation in simulations:
            told = None if progress is None else partial(progress, simulation.label)
            try:
                results.append(_calibrated(run, sampler, simulation, datasets, seed, path, told))
            except ValueError as error:
                if len(simulations) == 1:
                    raise
                raise ValueError(f"{simulation.label}: {error}") from error
    return [replace(result, alpha=alpha) for result in results]


def _calibrated(
    run: Run,
    sampler: Described,
    simulation: Simulation,
    datasets: int,
    seed: int,
    path: Path | None,
    progress: Callable[[int, int], None] | None,
) -> Calibration:
    """Run the data sets that have no outcome yet, keep the outcomes, and return the result of all."""
    names = tuple(simulation.quantities(simulation.data_set(seed, 0)[1]))
    versions = {f"version of {package}": version for package, version in sampler.versions.items()}
    about = simulation.about | sampler.about | {"seed": seed} | versions
    with _opened(sampler, partial(Runs, names, about, datasets), path, simulation.label) as runs:
        require_independent(runs)  # those of an earlier call
        left = 0 if _hopeless(runs) else len(runs.missing)
        looked = False
        for outcomes in run(simulation, runs.missing) if left else ():
            runs.record(outcomes)
            left -= len(outcomes)
            if _hopeless(runs):
                break
            if not looked and (runs.state == DONE).sum() >= HOPELESS:
                require_independent(runs)
                looked = True
            if progress:
                progress(datasets - left, datasets)
    require_independent(runs)
    return calibration(runs, model=simulation.label, sampler=sampler.name, seed=seed, notes=simulation.notes)


def _opened(sampler: Described, new: Callable[..., Runs], path: Path | None, group: str) -> Runs:
    """Return the runs with what is kept of an earlier call. Of several processes the first reads and writes files."""
    opened: list[Runs] = []

    def contents() -> tuple[Any, ...]:
        opened.append(new(path, group))
        return opened[0].rows, opened[0].runs, opened[0].failures

    kept = of_first(sampler, contents)
    if opened:
        return opened[0]
    runs = new()
    runs.rows, runs.runs, runs.failures = kept
    return runs


def _enter(stack: ExitStack, context: AbstractContextManager[Any]) -> None:
    stack.enter_context(context)


def _hopeless(runs: Runs) -> bool:
    return len(runs.failures) >= HOPELESS and not (runs.state == DONE).any()


def simulation_of(model: Any, observations: int | None = None) -> Simulation:
    """Return the simulation of a model of the registry or its name, of an exact model, or of a PyMC model.

    Raises ValueError if it cannot be simulated.
    """
    pymc = sys.modules.get("pymc")  # who has a PyMC model has imported it
    if pymc is not None and isinstance(model, pymc.Model):
        if observations is not None:
            raise ValueError("`observations` is for exact models; a PyMC model has as many as its observed data.")
        from bayes.calibration.program_simulation import ProgramSimulation

        return ProgramSimulation(model)
    return exact_simulation(get_model(model) if isinstance(model, str) else model, observations)
