"""Several processes that train together, usually one a host: joined, of one mind, and ended together.

Each runs the same program on its own devices, so all must take the same way through it: one that alone raised an error,
or alone saw a Ctrl-C, would leave the others waiting. What happens to one is therefore told to all (`together`,
`largest`), and only the first writes (`first`). What cannot be told, a process that is killed or that fails in the
middle of what they compute together, is noticed by JAX's coordination service, which ends the others: at once if the
first vanishes, after SECONDS_UNTIL_LOST if another does.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from closedform.reasons import of_file, one_line

SECONDS_TO_JOIN = 300
"""How long a process that starts waits for the others to start."""
SECONDS_UNTIL_LOST = 60
"""How long a process may be silent before it counts as lost."""
SECONDS_TO_LEAVE = 20
"""How long a process that ends waits for the others to end, before it takes them along."""
LETTERS = 1000
"""The longest message that processes send each other, in bytes; a longer one is cut off."""
KINDS = (ValueError, OSError, ArithmeticError)
"""Errors that one process tells the others of."""


def join(coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Join the other processes of this training, if there are any; to be called before anything is computed.

    Without arguments JAX finds the others where SLURM, Open MPI or a TPU pod started several, and else there is one.

    Parameters
    ----------
    coordinator
        HOST:PORT of process 0, where it will listen.
    num_processes, process_id
        How many processes there are, and which this is: 0 to num_processes - 1.

    Raises
    ------
    ValueError
        If some of the three are given and others not, or they cannot be.
    OSError
        If the processes do not come together.
    """
    given: dict[str, Any] = {"coordinator": coordinator, "num_processes": num_processes, "process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    several = _launched_several()
    if len(missing) == len(given):
        if not several and find_spec("libtpu") is None:
            return
        others: dict[str, Any] = {"local_device_ids": _devices_of_the_host()}
    elif missing:
        raise ValueError(f"`{missing[0]}` must be given, as every process needs {', '.join(given)}.")
    else:
        _require_place(**given)
        others = {"coordinator_address": coordinator, "num_processes": num_processes, "process_id": process_id}
        others |= {"cluster_detection_method": "deactivate"}
    try:
        jax.distributed.initialize(
            **others,
            initialization_timeout=SECONDS_TO_JOIN,
            heartbeat_timeout_seconds=SECONDS_UNTIL_LOST,
            shutdown_timeout_seconds=SECONDS_TO_LEAVE,
        )
    except ValueError:
        if missing and not several:  # JAX knows of no others: this computer has a TPU, and is not one of a pod
            return
        raise
    except RuntimeError as error:
        reason = one_line(error, 200)
        raise OSError(errno.EHOSTUNREACH, f"the processes of this training did not come together: {reason}") from error


def _require_place(coordinator: str, num_processes: int, process_id: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"`coordinator` must be HOST:PORT, where process 0 is to listen, got {coordinator!r}.")
    if num_processes < 1:
        raise ValueError(f"`num_processes` must be 1 or more, got {num_processes}.")
    if not 0 <= process_id < num_processes:
        raise ValueError(f"`process_id` must be 0 to `num_processes` - 1 = {num_processes - 1}, got {process_id}.")


def _launched_several() -> bool:
    """Say whether SLURM or Open MPI started several processes."""
    counts = [os.environ.get("OMPI_COMM_WORLD_SIZE", "1")]
    if "SLURM_STEP_NODELIST" in os.environ:  # inside `srun`: a batch script is one process, whatever its job has
        counts.append(os.environ.get("SLURM_NTASKS", "1"))
    return any(int(count) > 1 for count in counts)


def _devices_of_the_host() -> list[int] | None:
    """Return the GPUs of a process that SLURM started alone on its host: all of them, where JAX would take the first.

    None leaves it to JAX, which gives each of several processes on a host the GPU of its number.
    """
    alone = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "").partition("(")[0] == "1"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if not alone or not visible or "JAX_LOCAL_DEVICE_IDS" in os.environ:
        return None
    return list(range(len(visible.split(","))))


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Make an OSError that says what to do of a failure of what the processes compute together: often one is gone."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        reason = one_line(error, 200)
        raise OSError(
            errno.EPIPE,
            f"process {jax.process_index()} cannot go on: what they all compute together failed ({reason}); look at "
            "what the others say, and --resume from the last checkpoint",
        ) from error


def is_first() -> bool:
    """Say whether this process is the one that writes."""
    return jax.process_index() == 0


def largest(*numbers: float) -> tuple[float, ...]:
    """Return the largest of each number over all processes, the same in each, where there are several in float32."""
    if jax.process_count() == 1:
        return numbers
    return tuple(multihost_utils.process_allgather(np.array(numbers, np.float32)).max(axis=0).tolist())


def together[T](work: Callable[[], T]) -> T:
    """Do ``work`` in every process, and return what it returned in this one; an error in one is raised in all.

    ``work`` must not compute anything on devices of other processes.
    """
    if jax.process_count() == 1:
        return work()
    done: list[T] = []
    error = None
    try:
        done.append(work())
    except KINDS as caught:
        error = caught
    for process, (kind, *letters) in enumerate(multihost_utils.process_allgather(_message(error))):
        if kind:
            text = bytes(letters).rstrip(b"\0").decode(errors="replace")
            raise KINDS[kind - 1](text if process == 0 else f"process {process}: {text}") from error
    return done[0]


def _message(error: Exception | None) -> np.ndarray:
    """Return the number of an error's kind, 0 for none, and its words, as bytes of a fixed length."""
    message = np.zeros(1 + LETTERS, np.uint8)
    if error is not None:
        words = (of_file(error) if isinstance(error, OSError) else str(error)).encode()[:LETTERS]
        kind = next(number for number, kind in enumerate(KINDS, start=1) if isinstance(error, kind))
        message[: 1 + len(words)] = [kind, *words]
    return message


def first(work: Callable[[], object]) -> None:
    """Do ``work`` in the first process while the others wait; an error of it is raised in all."""
    together(work if is_first() else lambda: None)


def require_same(what: str, value: str) -> None:
    """Raise ValueError in every process unless all have the same ``value`` of ``what``."""
    if jax.process_count() == 1:
        return
    digests = multihost_utils.process_allgather(np.frombuffer(hashlib.sha256(value.encode()).digest(), np.uint8))
    for process, digest in enumerate(digests):
        if (digest != digests[0]).any():
            raise ValueError(f"process {process} has other {what} than process 0; start every process with the same.")
