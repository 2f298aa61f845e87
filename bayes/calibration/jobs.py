"""What worker processes get: a simulation, a sampler and a seed, sent once and loaded once."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import cloudpickle
from distributed import Worker, WorkerPlugin, get_worker

from bayes.calibration.main_guard import FOLDER
from bayes.calibration.outcomes import Outcome, Sampler, outcome
from bayes.calibration.simulation import Simulation
from closedform.reasons import one_line


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker must know to run any data set."""

    simulation: Simulation
    sample: Sampler
    seed: int
    versions: dict[str, str]
    """Package -> the version that a worker must have, because the draws depend on it."""


def require_picklable(sample: Sampler, name: str) -> None:
    """Raise ValueError if a sampler cannot be pickled."""
    try:
        cloudpickle.dumps(sample)
    except Exception as error:  # any object may refuse in its own way
        raise ValueError(
            f"`sample` {name} cannot be sent to worker processes: {one_line(error)}; make what it refers to inside of "
            "it, or use workers=0."
        ) from error


class JobPlugin(WorkerPlugin):
    """A job in a worker. It is loaded by the first task, so that an error is one of the task."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content

    def setup(self, worker: Worker) -> None:
        self.address = worker.address
        if FOLDER in os.environ:  # a worker of ours; a Ctrl-C in the terminal is for its parent, which ends it
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    @cached_property
    def job(self) -> Job:
        """Raises ValueError if the job cannot be loaded, or if a package has another version here."""
        try:
            job = cloudpickle.loads(self.content)
        except Exception as error:  # whatever a module raises when it is imported
            raise ValueError(
                f"`sample` cannot be loaded in worker {self.address}: {type(error).__name__}: {one_line(error)}; make "
                "its module one that workers can import."
            ) from None
        for package, wanted in job.versions.items():
            if (found := _version(package)) != wanted:
                raise ValueError(
                    f"worker {self.address} has {package} {found}, and here it is {wanted}; install the same."
                )
        return job


def outcomes_in_worker(name: str, indices: Sequence[int]) -> list[Outcome]:
    """Return the outcomes of data sets, in a worker that has the job ``name``."""
    plugin: Any = get_worker().plugins[name]
    job: Job = plugin.job
    return [outcome(job.simulation, job.sample, job.seed, i) for i in indices]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
