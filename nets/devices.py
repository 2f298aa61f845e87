"""Which device computes."""

import os

import jax


def description() -> str:
    """Return what JAX computes on, such as ``cpu (2 cores)`` or ``gpu (NVIDIA H200)``."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"cpu ({len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores)"
    return f"{device.platform} ({device.device_kind})"


def is_accelerator() -> bool:
    """Say whether JAX computes on a GPU or a TPU."""
    return jax.devices()[0].platform != "cpu"
