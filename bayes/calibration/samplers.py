"""What a sampler is called, what its draws depend on, and where it runs: JAX, this process, or those of Dask."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from bayes.calibration.outcomes import Outcome, Sampler, outcome
from bayes.calibration.simulation import Simulation
from closedform.extras import require
from closedform.validation import nearest, whole_number

if TYPE_CHECKING:
    from distributed import Client

type Run = Callable[[Simulation, Sequence[int]], Iterator[list[Outcome]]]
"""Yields the outcomes of the data sets with these numbers, some at a time."""

ENGINES = {
    "numpyro": ("pymc", "pytensor", "jax", "numpyro"),
    "blackjax": ("pymc", "pytensor", "jax", "blackjax"),
    "hmc": ("pymc", "pytensor", "jax", "numpyro"),
    "nutpie": ("pymc", "pytensor", "numba", "nutpie"),
    "pymc": ("pymc", "pytensor"),
}
"""Engine -> the packages that it needs and that its draws depend on."""
JAX_ENGINES = ("numpyro", "blackjax", "hmc")
"""Engines that run many data sets at a time, in this process."""
SIMULATION = ("closedform", "numpy", "scipy")
"""Packages that simulated data and exact posteriors depend on."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A sampler as ``calibrate`` was given it."""

    sample: Sampler | str
    """A function, or the name of an engine."""
    name: str
    about: dict[str, Any]
    """What its draws depend on, as JSON."""
    versions: dict[str, str]
    """Package -> version."""


def described(sample: Sampler | str, draws: int, tune: int) -> Described:
    """Return a sampler with its name and what its draws depend on.

    Raises ValueError if ``sample`` is neither a function nor an engine, or ``draws`` or ``tune`` no possible numbers,
    and ModuleNotFoundError if the engine is not installed.
    """
    if isinstance(sample, str):
        if sample not in ENGINES:
            raise ValueError(
                f"`sample` must be a function, or one of {', '.join(ENGINES)}, got {sample!r}{nearest(sample, ENGINES)}"
            )
        whole_number("draws", draws, ", 4 or more", 4)
        whole_number("tune", tune, ", 1 or more", 1)
        for package in ENGINES[sample]:
            require(package)
        about = {"sampler": sample, "draws": draws, "tune": tune}
        return Described(sample=sample, name=sample, about=about, versions=_versions(*SIMULATION, *ENGINES[sample]))
    if not callable(sample):
        raise ValueError(
            f"`sample` must be a function of (model, y, seed), or one of {', '.join(ENGINES)}, got {sample!r}."
        )
    function: Any = sample.func if isinstance(sample, partial) else sample
    named = function if hasattr(function, "__qualname__") else type(function)
    name = named.__qualname__
    if isinstance(sample, partial):
        about = {"sampler": name + repr((*sample.args, *sample.keywords.items()))}
    else:
        about = {"sampler": repr(function) if is_dataclass(function) else name}
    about["code of the sampler"] = _code(named)
    package = (named.__module__ or "").partition(".")[0]
    return Described(sample=sample, name=name, about=about, versions=_versions(*SIMULATION, package))


@contextmanager
def running(
    sampler: Described, *, seed: int, draws: int, tune: int, workers: int | None, scheduler: "str | Client | None"
) -> Iterator[Run]:
    """Yield what runs the sampler on data sets: in JAX, in this process, or in those of Dask.

    Raises
    ------
    ValueError
        If ``workers`` and ``scheduler`` do not fit each other or the engine, or the workers cannot be had.
    ModuleNotFoundError
        If Dask is needed and not installed.
    """
    if workers is not None:
        whole_number("workers", workers, ", 0 or more; 0 is this process", 0)
    if scheduler is not None and workers is not None:
        raise ValueError(
            f"`workers` {workers} is for a cluster on this machine, and `scheduler` has its own; give one."
        )
    if sampler.sample in JAX_ENGINES:
        if workers or scheduler is not None:
            raise ValueError(
                f"`{'workers' if workers else 'scheduler'}` is for samplers that run one data set at a time; "
                f"{sampler.name} runs many on all devices of this process. Leave it out."
            )
        from bayes.calibration.engines import vectorised_outcomes

        def vectorised(simulation: Simulation, indices: Sequence[int]) -> Iterator[list[Outcome]]:
            return vectorised_outcomes(simulation, sampler.name, seed=seed, indices=indices, draws=draws, tune=tune)

        yield vectorised
        return
    sample = sampler.sample
    if isinstance(sample, str):
        from bayes.calibration.engines import compiled_sampler

        sample = compiled_sampler(sample, draws, tune)
    if workers == 0:
        yield lambda simulation, indices: ([outcome(simulation, sample, seed, i)] for i in indices)
        return
    require("distributed")
    from bayes.calibration import cluster, jobs

    def in_workers(simulation: Simulation, indices: Sequence[int]) -> Iterator[list[Outcome]]:
        job = jobs.Job(simulation=simulation, sample=sample, seed=seed, versions=sampler.versions)
        return cluster.outcomes_in_workers(client, job, indices)

    jobs.require_picklable(sample, sampler.name)
    with cluster.connected(workers, scheduler) as client:
        yield in_workers


def of_first[T](sampler: Described, make: Callable[[], T]) -> T:
    """Return what ``make`` returns. Of several processes of ``jax.distributed`` the first calls it for all."""
    if sampler.sample not in JAX_ENGINES:
        return make()
    from bayes.calibration import processes

    return processes.of_first(make)


def _versions(*packages: str) -> dict[str, str]:
    """Return the versions of those packages that are installed as one."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except (PackageNotFoundError, ValueError):  # a module of the user's own, or no name
            continue
    return found


def _code(function: Any) -> str:
    """Return a hash of the source of a function or class; empty if there is no source, as in a console."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]
    except (OSError, TypeError):
        return ""
