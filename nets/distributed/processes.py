"""Several processes that train one model, usually one on each host: how they start, agree and end.

Each process runs the same program on its own devices, so all must take the same branches. If only one raised an error
or received a Ctrl-C, the others would wait forever. Errors and numbers of one process are therefore sent to all
(`on_all_processes`, `max_over_processes`), and only the first process writes (`on_first_process`). A process that is
killed, or that fails inside a collective computation, cannot send anything. JAX's coordination service then ends the
others: at once if the first process is gone, after HEARTBEAT_TIMEOUT if it is another.
"""

import errno
import hashlib
import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax._src import distributed  # no public function exchanges anything before the devices start
from jax.experimental import multihost_utils

from closedform.reasons import of_file, one_line
from nets.distributed.rendezvous import meet

INITIALIZATION_TIMEOUT = 300
"""Seconds that a process waits for the others to start."""
HEARTBEAT_TIMEOUT = 60
"""Seconds without a heartbeat after which a process counts as dead."""
SHUTDOWN_TIMEOUT = 20
"""Seconds that a process waits for the others to end, before it ends them."""
MESSAGE_BYTES = 1000
"""Length of the error messages that processes send each other; a longer message is truncated."""
ERROR_TYPES = (ValueError, OSError, ArithmeticError)
"""Types of the errors that a process sends to the others."""

logger = logging.getLogger(__name__)


def initialize_processes(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Connect this process to the others of this training, if there are any; call it before any JAX computation.

    Without arguments JAX detects the other processes under SLURM, under Open MPI and on a TPU pod. Elsewhere there is
    one process.

    Parameters
    ----------
    coordinator
        HOST:PORT on which process 0 will listen.
    num_processes, process_id
        Number of processes, and the index of this process: 0 to num_processes - 1.

    Raises
    ------
    ValueError
        If only some of the three are set, or one of them is invalid.
    OSError
        If the processes cannot connect.
    """
    arguments: dict[str, Any] = {
        "coordinator": coordinator,
        "num_processes": num_processes,
        "process_id": process_id,
    }
    missing = [name for name, value in arguments.items() if value is None]
    multi_process = _launcher_started_several()
    if len(missing) == len(arguments):
        if not multi_process and find_spec("libtpu") is None:
            return
        options: dict[str, Any] = {"local_device_ids": _local_device_ids()}
    elif missing:
        raise ValueError(f"`{missing[0]}` must be set, as every process needs {', '.join(arguments)}.")
    else:
        address = _address(**arguments)
        meet(address, num_processes or 1, process_id or 0, INITIALIZATION_TIMEOUT)
        options = {"coordinator_address": coordinator, "num_processes": num_processes, "process_id": process_id}
        options |= {"cluster_detection_method": "deactivate"}
    try:
        jax.distributed.initialize(
            **options,
            initialization_timeout=INITIALIZATION_TIMEOUT,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
            shutdown_timeout_seconds=SHUTDOWN_TIMEOUT,
        )
    except ValueError:
        if missing and not multi_process:  # JAX detects no other process: a single TPU host, not a pod
            return
        raise
    except OSError as error:  # of the request to the metadata server of a TPU host
        if not missing or multi_process:
            raise
        logger.warning(
            "no metadata server tells whether this is one of several TPU hosts (%s); it trains alone. On several, pass "
            "--coordinator",
            one_line(error, 100),
        )
    except RuntimeError as error:
        reason = one_line(error, 200)
        raise OSError(errno.EHOSTUNREACH, f"the processes of this training could not connect: {reason}") from error
    if process_id is not None and num_processes is not None:
        _take_own_gpu(process_id, num_processes)


def _take_own_gpu(process_id: int, num_processes: int) -> None:
    """Leave this process one GPU if others see the same: the one of its order on the host, as JAX does under SLURM.

    The processes are connected and have no devices yet. Those with another CUDA_VISIBLE_DEVICES, or another boot of a
    kernel, see other GPUs.
    """
    if "JAX_LOCAL_DEVICE_IDS" in os.environ:
        return
    boot = Path("/proc/sys/kernel/random/boot_id")
    host = boot.read_text() if boot.exists() else socket.gethostname()
    client: Any = distributed.global_state.client
    seen = f"{host.strip()} {os.environ.get('CUDA_VISIBLE_DEVICES', 'all')}"
    client.key_value_set(f"closedform/gpus_of_process/{process_id}", seen)
    by_process = [
        client.blocking_key_value_get(f"closedform/gpus_of_process/{process}", 1000 * INITIALIZATION_TIMEOUT)
        for process in range(num_processes)
    ]
    if by_process.count(seen) > 1:
        own = str(by_process[:process_id].count(seen))
        jax.config.update("jax_cuda_visible_devices", own)
        jax.config.update("jax_rocm_visible_devices", own)


def _address(coordinator: str, num_processes: int, process_id: int) -> tuple[str, int]:
    """Return host and port of process 0; raise ValueError if an argument is invalid."""
    host, _, port = coordinator.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"`coordinator` must be HOST:PORT of process 0, a port of 1 to 65535, got {coordinator!r}.")
    if num_processes < 1:
        raise ValueError(f"`num_processes` must be 1 or more, got {num_processes}.")
    if not 0 <= process_id < num_processes:
        raise ValueError(f"`process_id` must be 0 to `num_processes` - 1 = {num_processes - 1}, got {process_id}.")
    return host.strip("[]"), int(port)  # brackets are those of IPv6


def _launcher_started_several() -> bool:
    """Say whether SLURM or Open MPI started several processes."""
    names = ["OMPI_COMM_WORLD_SIZE"]
    if "SLURM_STEP_NODELIST" in os.environ:  # inside `srun`; a batch script itself is one process
        names.append("SLURM_NTASKS")
    counts = {name: os.environ.get(name, "1") for name in names}
    for name, count in counts.items():
        if not count.isdecimal():
            raise ValueError(f"`{name}` must be a number of processes, got {count!r}; unset it for one process.")
    return any(int(count) > 1 for count in counts.values())


def _local_device_ids() -> list[int] | None:
    """Return all GPUs of the host for a process that SLURM started alone on it; JAX would take only the first.

    None leaves the choice to JAX, which gives each of several processes on a host the GPU of its local index.
    """
    alone_on_host = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "").partition("(")[0] == "1"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if not alone_on_host or not visible or "JAX_LOCAL_DEVICE_IDS" in os.environ:
        return None
    return list(range(len(visible.split(","))))


class LostProcessError(OSError):
    """A computation that processes share has failed, often because another process has died."""


@contextmanager
def ends_without_lost_ones() -> Iterator[None]:
    """After a LostProcessError, say it and end this process, with exit code 2.

    JAX would wait for the others before the end, and then end this process with a stack trace.
    """
    try:
        yield
    except LostProcessError as error:
        sys.stderr.write(f"error: {of_file(error)}\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(2)


def is_first_process() -> bool:
    """Return whether this process is the first, which writes the files."""
    return jax.process_index() == 0


def max_over_processes(*numbers: float) -> tuple[float, ...]:
    """Return the maximum of each number over all processes; with several processes the numbers are in float32."""
    if jax.process_count() == 1:
        return numbers
    return tuple(multihost_utils.process_allgather(np.array(numbers, np.float32)).max(axis=0).tolist())


def on_all_processes[T](function: Callable[[], T]) -> T:
    """Call ``function`` in every process and return its result in this one; an error in one is raised in all.

    ``function`` must not compute anything on devices of other processes.
    """
    if jax.process_count() == 1:
        return function()
    results: list[T] = []
    error = None
    try:
        results.append(function())
    except ERROR_TYPES as exception:
        error = exception
    for process, (code, *content) in enumerate(multihost_utils.process_allgather(_message(error))):
        if code:
            text = bytes(content).rstrip(b"\0").decode(errors="replace")
            raise ERROR_TYPES[code - 1](text if process == 0 else f"process {process}: {text}") from error
    return results[0]


def _message(error: Exception | None) -> np.ndarray:
    """Return the code of an error's type, 0 for none, and its text, as bytes of a fixed length."""
    message = np.zeros(1 + MESSAGE_BYTES, np.uint8)
    if error is not None:
        content = (of_file(error) if isinstance(error, OSError) else str(error)).encode()[:MESSAGE_BYTES]
        code = next(code for code, kind in enumerate(ERROR_TYPES, start=1) if isinstance(error, kind))
        message[: 1 + len(content)] = [code, *content]
    return message


def on_first_process(function: Callable[[], object]) -> None:
    """Call ``function`` in the first process while the others wait; its error is raised in all."""
    on_all_processes(function if is_first_process() else lambda: None)


def require_equal(name: str, value: str) -> None:
    """Raise ValueError in every process unless ``value`` is the same in all; ``name`` says what it is."""
    if jax.process_count() == 1:
        return
    digests = multihost_utils.process_allgather(np.frombuffer(hashlib.sha256(value.encode()).digest(), np.uint8))
    for process, digest in enumerate(digests):
        if (digest != digests[0]).any():
            raise ValueError(f"process {process} has other {name} than process 0; start every process with the same.")
