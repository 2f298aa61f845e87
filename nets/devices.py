"""Which device computes."""

import hashlib
import os
import platform
from pathlib import Path

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


def processor() -> str:
    """Return a name of this machine's kind of processor that no other kind has, by what it can do (in Linux)."""
    features = platform.processor()
    if (file := Path("/proc/cpuinfo")).exists():
        features = next((line for line in file.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
