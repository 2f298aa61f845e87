"""The tasks of pages: they run in several processes, a task that two pages share runs once, and results are stored.

A task is a function with its arguments. It gives the same result in any process, whatever ran there before, so the
number of processes does not change a page. Stored results are removed when everything is done; after an interruption
the next run uses them.
"""

import hashlib
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from closedform.files import written_whole
from closedform.reasons import one_line

MOST_PROCESSES = 8
"""Largest number of processes: each loads PyMC and JAX and keeps compiled programs, about a gigabyte."""
ONE_THREAD: Mapping[str, str] = {
    **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",  # the size of XLA's thread pool
}
"""Environment of the processes. There is one for each core, and with one thread a sum always has the same order."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A call of a module's function with ``arguments``. Two tasks with the same call are equal."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    """Values that ``repr`` describes completely: numbers, text, tuples, and frozen dataclasses of these."""
    label: str = field(compare=False)
    """What the task does, in a few words."""
    seconds: float = field(compare=False)
    """Time on one core, about: for the order of the tasks and for the time that is left."""
    needs: tuple["Task", ...] = ()
    """Tasks whose results the function gets, as a list in its last argument. Without any, there is no such argument."""
    keep: bool = field(default=True, compare=False)
    """Whether the store keeps the result. It does not for a task that writes a page."""

    @property
    def key(self) -> str:
        """Return text that is different for every other task."""
        return repr((self.function.__module__, self.function.__qualname__, self.arguments))


class TaskError(RuntimeError):
    """A task failed in another process; the message is one line."""


@dataclass(frozen=True)
class Done:
    """What a task returned, and how long it took."""

    pickled: bytes
    """The result, not yet loaded, because the process that starts the tasks has neither PyMC nor JAX."""
    seconds: float

    @property
    def result(self) -> Any:
        """Load the result."""
        return pickle.loads(self.pickled)


def run(
    tasks: Sequence[Task],
    *,
    processes: int,
    environment: Mapping[str, str],
    store: "Store",
    announce: Callable[[Task, float], None],
) -> dict[Task, Done]:
    """Run ``tasks`` and the tasks they need, and return what each of them returned.

    Parameters
    ----------
    processes
        Number of tasks at a time. With 1 they run in this process, and an error has its own traceback.
    environment
        Environment variables of the processes, unless the user has set them.
    store
        Where results of an interrupted run are found, and where new ones are kept.
    announce
        Called with each task that is done, and the time that the others will take, in seconds, about.

    Raises
    ------
    TaskError
        If a task fails in another process, or such a process dies.
    """
    waiting = _in_order(tasks)
    total = sum(task.seconds for task in waiting)
    done: dict[Task, Done] = {}
    started, ran = time.perf_counter(), 0.0

    def finish(task: Task, outcome: Done, ran: float) -> None:
        done[task] = outcome
        left = total - sum(task.seconds for task in done)
        # At first the estimates count alone, as if ``processes`` had kept to them for ten seconds before the start.
        a_while = 10.0
        speed = (ran + a_while * processes) / (time.perf_counter() - started + a_while)
        announce(task, left / speed)

    for task in list(waiting):
        if (outcome := store.load(task)) is not None:
            waiting.remove(task)
            finish(task, outcome, ran)
    with _pool(processes, {**ONE_THREAD, **environment}) as submit:
        running: dict[Future[Done], Task] = {}
        while waiting or running:
            for task in [task for task in waiting if all(need in done for need in task.needs)]:
                if len(running) == processes:
                    break
                waiting.remove(task)
                running[submit(_perform, task, [done[need] for need in task.needs], store)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool as error:
                    raise TaskError(
                        f"a process died while {task.label} was computed, as it does without memory; "
                        "--processes 1 needs the least."
                    ) from error
                except Exception as error:
                    if processes == 1 or isinstance(error, UsageError):
                        raise
                    raise TaskError(
                        f"{task.label} failed: {type(error).__name__}: {one_line(error)}; --processes 1 shows where."
                    ) from error
                ran += task.seconds
                finish(task, outcome, ran)
    return done


class UsageError(Exception):
    """The command cannot be carried out. The message is one line that says why and what to do."""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn a failure to write into a UsageError that names the folder."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"`out` folder {folder} cannot be written: {error.strerror}; choose another with --out."
        ) from error


@dataclass(frozen=True)
class Store:
    """A folder with results of tasks of the same code. With the folder None, nothing is kept."""

    folder: Path | None
    code: str = ""
    """Commit and versions."""

    def load(self, task: Task) -> Done | None:
        """Return the result of ``task`` from an interrupted run, or None if there is no complete one."""
        if self.folder is None or not task.keep:
            return None
        try:
            return pickle.loads(self._file(task).read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, ValueError):
            return None

    def save(self, task: Task, outcome: Done) -> None:
        """Keep the result of ``task``."""
        if self.folder is not None and task.keep:
            with written_whole(self._file(task)) as partial:
                partial.write_bytes(pickle.dumps(outcome))

    def _file(self, task: Task) -> Path:
        assert self.folder is not None
        return self.folder / f"{hashlib.sha256(f'{self.code} {task.key}'.encode()).hexdigest()[:32]}.pickle"


@contextmanager
def stored(folder: Path, code: str) -> Iterator[Store]:
    """Yield a store in ``folder``. The folder is removed at the end, and stays after an interruption."""
    folder.mkdir(parents=True, exist_ok=True)
    yield Store(folder, code)
    shutil.rmtree(folder)


def cores() -> int:
    """Return the number of processes that suits this machine."""
    return min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_PROCESSES
    )


def _in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks and the tasks they need, each once; those that the longest work waits for come first."""
    seconds_from: dict[Task, float] = {}

    def visit(task: Task, after: float) -> None:
        if task.seconds + after > seconds_from.get(task, 0.0):
            seconds_from[task] = task.seconds + after
            for need in task.needs:
                visit(need, seconds_from[task])

    for task in tasks:
        visit(task, 0.0)
    # a task with needs comes first: once its needs are done, it is all that is left of its page
    return sorted(seconds_from, key=lambda task: (not task.needs, -seconds_from[task]))


def _perform(task: Task, needs: list[Done], store: Store) -> Done:
    started = time.perf_counter()
    result = task.function(*task.arguments, *([needs] if task.needs else []))
    outcome = Done(pickle.dumps(result), time.perf_counter() - started)
    store.save(task, outcome)
    return outcome


@contextmanager
def _pool(processes: int, environment: Mapping[str, str]) -> Iterator[Callable[..., Future[Any]]]:
    """Yield a function that calls another in one of ``processes``. They end with the block, whatever ends the block."""
    if processes == 1:
        yield _call
        return
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
    added = {name: value for name, value in environment.items() if name not in os.environ}
    os.environ |= added  # libraries read them as they are loaded, before our code could set them
    try:
        yield executor.submit
        executor.shutdown()
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        executor.shutdown(cancel_futures=True)
        raise
    finally:
        for name in added:
            del os.environ[name]


def _call(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(function(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future


def _begin() -> None:
    """Leave Ctrl-C to the process that starts the tasks, and end when that process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
