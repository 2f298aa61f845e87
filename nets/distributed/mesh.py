"""Which devices compute, and how they share the work: a mesh, and arrays laid out over it.

A mesh has two axes. The members of an ensemble are shared out over ``members``, and the images of every batch over
``batch``, whose devices add up their gradients in each step. Everything else, the data set too, lies on every device
whole.
"""

import hashlib
import math
import os
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

MEMBERS, BATCH = "members", "batch"
"""The axes of the mesh."""


def make(devices: int | None, members: int, batch_size: int) -> Mesh:
    """Return the mesh (members, batch) of ``devices`` devices of each process.

    The largest number of groups that divides both the devices and the ``members`` takes the members apart, so members
    go first: they never need each other. The devices of a group share each batch: 5 members on 5 devices are five
    groups of one, 2 on 8 two groups of four, 5 on 4 one group of four, and one network always is one group.

    Parameters
    ----------
    devices
        How many devices of each process; None for all, and 1 where they are a CPU.
    members
        How many networks are trained side by side.
    batch_size
        Images of a step, of which each device of a group takes as many.

    Raises
    ------
    ValueError
        If a process has not that many devices, or a batch cannot be shared out evenly.
    """
    platform, processes = jax.default_backend(), range(jax.process_count())
    there = [[device for device in jax.devices() if device.process_index == process] for process in processes]
    fewest = min(len(own) for own in there)
    if devices is None:
        devices = 1 if platform == "cpu" else fewest
    if devices > fewest:
        way_out = (
            f"set XLA_FLAGS=--xla_force_host_platform_device_count={devices} to divide it"
            if platform == "cpu"
            else "ask for fewer"
        )
        raise ValueError(
            f"`devices` must be at most {fewest}, as many as there are ({platform}), got {devices}; {way_out}."
        )
    total = devices * len(processes)
    groups = math.gcd(members, total)
    shares = total // groups
    if batch_size % shares:
        near = [size for size in (batch_size // shares * shares, -(-batch_size // shares) * shares) if size]
        raise ValueError(
            f"`batch_size` must be a multiple of {shares}, the devices that share a batch, got {batch_size}; take "
            f"{' or '.join(map(str, near))}, or other --devices."
        )
    used = [device for own in there for device in own[:devices]]
    return jax.make_mesh((groups, shares), (MEMBERS, BATCH), axis_types=(AxisType.Auto,) * 2, devices=used)


def put(tree: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """Return a tree of arrays laid out over ``mesh`` by ``spec``; every process has the same whole arrays."""
    sharding = NamedSharding(mesh, spec)
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def laid_out(leaf: Any) -> jax.Array:
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])

    return jax.tree.map(laid_out, tree)


def description(mesh: Mesh | None = None) -> str:
    """Return what computes, such as ``cpu (2 cores)``, ``gpu (NVIDIA H200) x 8`` or ``... x 16 in 2 processes``."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        name = f"cpu ({cores} cores)"
    else:
        name = f"{device.platform} ({device.device_kind})"
    count, processes = mesh.size if mesh else 1, jax.process_count()
    if count > 1:
        name += f" as {count} devices" if device.platform == "cpu" else f" x {count}"
    return name + (f" in {processes} processes" if processes > 1 else "")


def processor() -> str:
    """Return a name of this machine's kind of processor that no other kind has, by what it can do (in Linux)."""
    features = platform.processor()
    if (file := Path("/proc/cpuinfo")).exists():
        features = next((line for line in file.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
