"""What the device is, and what it reaches: large products in each precision, and copies."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.accelerator.settings import Settings
from benchmarks.jax_worker import peak_flops
from closedform.provenance import commit, versions

PACKAGES = ["jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy"]


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the facts, the FLOP/s of products of square matrices, and the bytes a second of copies."""
    device = jax.local_devices()[0]
    memory = device.memory_stats() or {}
    yield {
        "fact": "device",
        "kind": device.device_kind,
        "platform": device.platform,
        "devices": jax.device_count(),
        "memory_bytes": memory.get("bytes_limit"),
        "runtime": device.client.platform_version.split("\n")[0],
        "nvidia_smi": nvidia_smi(),
        "cores": os.cpu_count(),
        "versions": versions(PACKAGES),
        "commit": commit(),
    }
    for precision in ["float32", "bfloat16"]:
        yield {"fact": "peak", "precision": precision, "flops": peak_flops(precision, settings.product)}
    with jax.default_matmul_precision("highest"):
        yield {"fact": "peak", "precision": "float32, highest", "flops": peak_flops("float32", settings.product)}
    array = jnp.zeros(settings.copied_bytes // 4, jnp.float32)
    host = np.zeros(settings.copied_bytes // 4, np.float32)
    add_one = jax.jit(lambda x: x + 1)
    for name, moved, function in [
        ("on the device, read and written", 2 * settings.copied_bytes, lambda: add_one(array)),
        ("from host to device", settings.copied_bytes, lambda: jax.device_put(host)),
        ("from device to host", settings.copied_bytes, lambda: np.asarray(add_one(array))),
    ]:
        yield {"fact": "copy", "copy": name, "bytes_per_second": moved / seconds(function, settings.repeats)}


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the shortest time of ``function``, without its first call."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - started)
    return min(times[1:])


def nvidia_smi() -> str | None:
    """Return name, driver, memory, clocks and power limit of the GPUs as `nvidia-smi` says them, or None without it."""
    query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"
    try:
        return subprocess.run(
            ["nvidia-smi", query, "--format=csv"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
