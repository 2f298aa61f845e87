"""Several processes of ``jax.distributed``: outcomes of all in each of them, and one of them that has the files."""

import ctypes
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from numpy.typing import NDArray

from bayes.calibration.outcomes import Outcome
from closedform.reasons import one_line
from closedform.validation import require, whole_number

TIMEOUT = 60
"""Seconds in which all processes must have been started."""


def join(coordinator: str, processes: int, process_id: int) -> None:
    """Join the other processes, before anything else in JAX.

    ``coordinator`` is HOST:PORT on which process 0 listens. Raises ValueError if an argument is invalid, or if the
    processes do not find each other in a minute.
    """
    host, _, port = coordinator.rpartition(":")
    require("coordinator", coordinator, bool(host) and port.isdigit(), "HOST:PORT on which process 0 listens")
    whole_number("processes", processes, ", 1 or more", 1)
    whole_number("process_id", process_id, f" from 0 to {processes - 1}", 0, processes - 1)
    try:
        with _standard_output_to_error():
            jax.distributed.initialize(coordinator, processes, process_id, initialization_timeout=TIMEOUT)
            _exchanged(None)
    except RuntimeError as error:
        raise ValueError(
            f"`coordinator` {coordinator}: {processes} processes did not find each other in {TIMEOUT} s; start the "
            f"command on every host ({one_line(error, 200)})."
        ) from error


@contextmanager
def _standard_output_to_error() -> Iterator[None]:
    """Send what C++ writes to the standard output to the standard error: Gloo says there that it is connected."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
        ctypes.CDLL(None).fflush(None)  # of the buffers of C
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def is_first() -> bool:
    """Return whether this is the process that reads and writes files: the only one, or process 0."""
    return jax.process_index() == 0


def of_first[T](make: Callable[[], T]) -> T:
    """Return what the first process makes, in every process. A ValueError of it is raised in all.

    Every process must call this as often.
    """
    if jax.process_count() == 1:
        return make()
    made: Any = None
    if is_first():
        try:
            made = make()
        except ValueError as error:
            made = error
    made = _exchanged(made)[0]
    if isinstance(made, ValueError):
        raise made
    return made


def gathered(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of all processes in the order of the processes. Every process must call this as often."""
    return [outcome for of_one in _exchanged(list(outcomes)) for outcome in of_one]


def _exchanged(value: Any) -> list[Any]:
    """Return the values of all processes. They travel as bytes: first their lengths, then the bytes, padded."""
    packed = np.frombuffer(pickle.dumps(value), np.uint8)
    lengths = _of_all(np.array([len(packed)], np.int32))[:, 0]
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(packed)] = packed
    rows = _of_all(padded)
    return [pickle.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)]


def _of_all(array: NDArray[Any]) -> NDArray[Any]:
    """Return the arrays of all processes, on a new first axis."""
    return np.asarray(process_allgather(array)).reshape(jax.process_count(), *array.shape)
