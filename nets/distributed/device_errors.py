"""Errors of JAX's devices, in one line with a way out."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from closedform.reasons import one_line
from nets.distributed.processes import LostProcessError

OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
"""The status with which XLA reports that a device has too little memory."""
XLA_STATUS = r"[A-Z_]{5,}: "
"""Beginning of the message of an XLA status."""
LESS = "take a smaller --batch-size, fewer --members, or smaller --channels and --hidden"
"""The way out of too little memory."""


def require_devices() -> None:
    """Start JAX's devices; raise ValueError if the environment variable JAX_PLATFORMS asks for some that are missing.

    With several processes it is called after they are connected.
    """
    try:
        jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # an assertion of JAX fails if it skips all platforms
        platforms = os.environ.get("JAX_PLATFORMS")
        reason = f" ({one_line(error, 200)})" if str(error) else ""
        if not platforms:
            raise OSError(errno.ENODEV, f"JAX starts no device{reason}; look at XLA_FLAGS") from error
        raise ValueError(
            f"`JAX_PLATFORMS` must name devices that this machine and this installation of JAX have, got {platforms!r}"
            f"{reason}; unset it, or install JAX for them: jax[tpu], or jax[cuda13] for cuda."
        ) from error


@contextmanager
def report_device_errors() -> Iterator[None]:
    """Turn an error of a device, or of a computation that processes share, into an OSError in one line.

    A device, or the host, may have too little memory. If a shared computation fails, often another process has died.
    """
    try:
        yield
    except MemoryError as error:
        raise OSError(errno.ENOMEM, f"this machine has too little memory ({one_line(error, 200)}); {LESS}") from error
    except (jax.errors.JaxRuntimeError, ValueError) as error:  # some of XLA's statuses become a ValueError
        if isinstance(error, ValueError) and not re.match(XLA_STATUS, str(error)):
            raise
        reason = one_line(error, 200)
        if OUT_OF_MEMORY in str(error):
            raise OSError(
                errno.ENOMEM,
                f"a device has too little memory ({reason}); {LESS}, or for an ensemble more --devices. With a large "
                "network, --checkpoint-every 1 keeps one copy of its state for checkpoints instead of three",
            ) from error
        if jax.process_count() == 1:
            raise
        raise LostProcessError(
            errno.EIO,
            f"process {jax.process_index()} stopped: a collective computation failed ({reason}); look at the errors of "
            "the other processes, and --resume from the last checkpoint",
        ) from error
