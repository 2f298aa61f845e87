"""Samplers in the processes of Dask: a local cluster, or a person's own scheduler.

Small tasks are in flight, a few for each thread of the workers. A task is the numbers of a few data sets. The sampler
and the simulation are sent once to each worker, as a plugin, which workers that start later get too. Which worker runs
a data set, and beside which others, changes nothing about its outcome.

If a worker dies, Dask runs its tasks on others. A task whose workers die again and again is taken apart: each of its
data sets runs alone on the cluster, so that it is known which one kills its worker. That one is a failure.
"""

import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import batched
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import cloudpickle
import dask
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.client import Future

from bayes.calibration.jobs import Job, JobPlugin, outcomes_in_worker
from bayes.calibration.main_guard import FOLDER, MARK
from bayes.calibration.outcomes import Outcome
from closedform.reasons import one_line
from closedform.validation import require

CONNECT = 5
"""Seconds to wait for a scheduler."""
FIRST_WORKER = 60
"""Seconds to wait for the first worker of a scheduler."""
LEAD = 3
"""Tasks in flight for each thread of the workers, so that none waits for the next one."""
COUNT = 2.0
"""Seconds between two counts of the workers."""
LARGEST_TASK = 10
"""Data sets in a task, at most."""
TASKS = 10
"""Tasks for each thread, at least, if there are enough data sets. The last ones then end at about the same time."""
LOCAL_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # tasks that outlive one death of their worker
    "distributed.deploy.lost-worker-timeout": "1h",  # a worker that starts again is not lost, however long it takes
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.daemon": False,  # so that a sampler may start processes of its own
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": "60s",  # a busy machine starts processes slowly
}


def connected(workers: int | None, scheduler: str | Client | None) -> AbstractContextManager[Client]:
    """Return a client of ``scheduler``, or of a new cluster on this machine if it is None.

    ``workers`` is the number of processes of the new cluster, by default one for each core that this process may use.
    """
    if scheduler is None:
        return local_client(workers or CPU_COUNT)
    require(
        "scheduler", scheduler, isinstance(scheduler, str | Client), "an address such as tcp://HOST:8786, or a Client"
    )
    return scheduler_client(scheduler)


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Start a cluster of ``workers`` processes with one thread each, reachable on this machine alone.

    Raises
    ------
    ValueError
        If the processes do not start, as in a script without a main guard.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="closedform-", ignore_cleanup_errors=True))
        stack.enter_context(_environment({FOLDER: folder}))
        stack.enter_context(dask.config.set(LOCAL_SETTINGS))
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL + 1,
                local_directory=folder,
                memory_limit=0,
            )
        except RuntimeError as error:
            if Path(folder, MARK).exists():
                raise ValueError(
                    "this script is imported by every worker process: put what calls `calibrate` below "
                    '`if __name__ == "__main__":`, or use workers=0.'
                ) from None
            raise ValueError(f"the worker processes did not start: {one_line(error)}; workers=0 needs none.") from error
        client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        yield client


@contextmanager
def scheduler_client(scheduler: str | Client) -> Iterator[Client]:
    """Connect to a scheduler that runs already, or take a client that does; its workers stay as they are.

    ``tls://`` needs certificates in Dask's own configuration (``distributed.comm.tls``), or a ``Client`` that has them.

    Raises
    ------
    ValueError
        If nobody listens at the address, or no worker has come after a minute.
    """
    with ExitStack() as stack:
        if isinstance(scheduler, str):
            client = stack.enter_context(_client(scheduler))
        else:
            client = scheduler
            if client.asynchronous:
                raise ValueError("`scheduler` is an asynchronous Client; make it without asynchronous=True.")
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError as error:
            address = scheduler if isinstance(scheduler, str) else client.scheduler_info(n_workers=0)["address"]
            raise ValueError(f"`scheduler` {address} has no workers; start some, then call again.") from error
        yield client


def _client(address: str) -> Client:
    """Return a client of the scheduler at ``address``; raise ValueError if nobody listens there."""
    client = Client.__new__(Client)
    try:
        client.__init__(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        # Left open, it would be closed by the garbage collector, and in another thread that may wait for itself.
        client.close()
        raise ValueError(f"`scheduler` {address} cannot be reached: {one_line(error)}.") from error
    return client


def outcomes_in_workers(client: Client, job: Job, indices: Sequence[int]) -> Iterator[list[Outcome]]:
    """Yield the outcomes of the data sets ``indices``, some at a time, as they come.

    Raises
    ------
    ValueError
        If a worker cannot load the sampler or has other versions of packages, or if the scheduler is gone.
    """
    name = f"closedform-{uuid4().hex}"
    client.register_plugin(JobPlugin(name, cloudpickle.dumps(job)))
    running: dict[Future, tuple[int, ...]] = {}
    try:
        threads = _threads(client)
        size = max(1, min(LARGEST_TASK, len(indices) // (TASKS * threads)))
        waiting = deque(batched(indices, size, strict=False))
        suspects: list[int] = []
        completed = as_completed(raise_errors=False, loop=cast(Any, client).loop)
        counted = time.monotonic()
        while waiting or running:
            if time.monotonic() - counted > COUNT:
                threads, counted = _threads(client), time.monotonic()
            while waiting and not suspects and len(running) < LEAD * threads:
                numbers = waiting.popleft()
                future = client.submit(outcomes_in_worker, name, numbers, pure=False)
                running[future] = numbers
                completed.add(future)
            future = cast(Future, next(completed))
            numbers = running.pop(future)
            if found := _result(future):
                yield found
            else:
                suspects += numbers
            if suspects and not running:  # nothing else is on the cluster: who kills its worker now is known
                yield from ([_alone(client, name, i)] for i in sorted(suspects))
                suspects = []
    finally:
        client.cancel(list(running))
        client.unregister_worker_plugin(name)


def _threads(client: Client) -> int:
    """Return how many tasks the workers run at a time. Workers may come and go."""
    return max(1, sum(cast(dict[str, int], client.nthreads()).values()))


def _result(future: Future) -> list[Outcome] | None:
    """Return the outcomes of a task, or None if its workers died."""
    # a result whose worker has died since is lost and made again, which this waits for
    error = cast(BaseException | None, future.exception())
    if future.status == "cancelled":
        raise ValueError("`scheduler` is gone, and its workers with it; start it, then call again.")
    if isinstance(error, KilledWorker):
        return None
    if error is not None:
        raise error
    return cast(list[Outcome], future.result())


def _alone(client: Client, name: str, i: int) -> Outcome:
    """Return the outcome of a data set that runs alone; a failure if its workers die again."""
    found = _result(client.submit(outcomes_in_worker, name, (i,), pure=False))
    return found[0] if found else Outcome(index=i, failure="its worker process died each time that it ran")


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables; at the end all are as before, also those that Dask has set."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
