"""Errors of JAX's devices, in one line with a way out."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from closedform.reasons import one_line

OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
"""The status with which XLA reports that a device has too little memory."""


def require_devices() -> None:
    """Start JAX's devices; raise ValueError if the environment variable JAX_PLATFORMS asks for some that are missing.

    With several processes it is called after they are connected.
    """
    try:
        jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # an assertion of JAX fails if it skips all platforms
        platforms = os.environ.get("JAX_PLATFORMS")
        if not platforms:
            raise
        reason = f" ({one_line(error, 200)})" if str(error) else ""
        raise ValueError(
            f"`JAX_PLATFORMS` must name devices that this machine and this installation of JAX have, got {platforms!r}"
            f"{reason}; unset it, or install JAX for them, such as jax[cuda13]."
        ) from error


@contextmanager
def report_device_errors() -> Iterator[None]:
    """Turn an error of a device, or of a computation that processes share, into an OSError in one line.

    A device may have too little memory. If a shared computation fails, often another process has died.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        reason = one_line(error, 200)
        if OUT_OF_MEMORY in str(error):
            raise OSError(
                errno.ENOMEM,
                f"a device has too little memory ({reason}); take a smaller --batch-size, fewer --members, or smaller "
                "--channels and --hidden, or for an ensemble more --devices",
            ) from error
        if jax.process_count() == 1:
            raise
        raise OSError(
            errno.EPIPE,
            f"process {jax.process_index()} stopped: a collective computation failed ({reason}); look at the errors of "
            "the other processes, and --resume from the last checkpoint",
        ) from error
