"""The device mesh of a training run, and arrays sharded over it.

A mesh has two axes. The members of an ensemble are sharded over ``members``, and the images of every batch over
``batch``: the devices along ``batch`` sum their gradients in each step. Everything else is replicated on every device,
including the data set.
"""

import math
import os
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

MEMBERS_AXIS = "members"
"""Name of the mesh axis over which the members of an ensemble are sharded."""
BATCH_AXIS = "batch"
"""Name of the mesh axis over which the images of a batch are sharded."""

REPLICATED = PartitionSpec()
"""Partition spec of an array with a full copy on every device."""


def make_mesh(devices: int | None, members: int, batch_size: int) -> Mesh:
    """Return the mesh (members, batch) of ``devices`` devices of each process.

    The size of the ``members`` axis is the greatest common divisor of devices and ``members``. Members never
    communicate, so they are split first. The devices in one row of the mesh shard each batch: 5 members on 5 devices
    are five rows of one device, 2 on 8 two rows of four, 5 on 4 one row of four, and one network is always one row.

    Parameters
    ----------
    devices
        Number of devices of each process; None for `default_devices`, and for 1 where they are a CPU.
    members
        Number of networks trained in parallel.
    batch_size
        Images of a step; each device of a row gets an equal shard of them.

    Raises
    ------
    ValueError
        If a process has fewer devices, or the batch cannot be sharded evenly.
    """
    platform, processes = jax.default_backend(), range(jax.process_count())
    by_process = [[device for device in jax.devices() if device.process_index == process] for process in processes]
    available = min(len(local_devices) for local_devices in by_process)
    if devices is None:
        devices = 1 if platform == "cpu" else default_devices(available, members, len(processes))
    if devices > available:
        way_out = (
            f"set XLA_FLAGS=--xla_force_host_platform_device_count={devices} to divide it"
            if platform == "cpu"
            else "ask for fewer"
        )
        raise ValueError(
            f"`devices` must be at most {available}, the number of available devices ({platform}), got {devices}; "
            f"{way_out}."
        )
    total = devices * len(processes)
    rows = math.gcd(members, total)
    shards = total // rows
    if batch_size % shards:
        sizes = [size for size in (batch_size // shards * shards, -(-batch_size // shards) * shards) if size]
        raise ValueError(
            f"`batch_size` must be a multiple of {shards}, the devices that shard a batch, got {batch_size}; take "
            f"{' or '.join(map(str, sizes))}, or other --devices."
        )
    mesh_devices = [device for local_devices in by_process for device in local_devices[:devices]]
    axes = (MEMBERS_AXIS, BATCH_AXIS)
    return jax.make_mesh((rows, shards), axes, axis_types=(AxisType.Auto,) * 2, devices=mesh_devices)


def default_devices(available: int, members: int, processes: int) -> int:
    """Return the number of devices of each process, of those ``available``, that is used unless one is asked for.

    Every process has one at least. More are used only if each has as many members of an ensemble as the others. A batch
    that is shared by several is slower, unless it is large.

    Examples
    --------
    >>> default_devices(8, 1, 1), default_devices(8, 5, 1), default_devices(4, 6, 1), default_devices(8, 32, 2)
    (1, 5, 3, 8)
    """
    return max((n for n in range(1, available + 1) if members % (n * processes) == 0), default=1)


def describe_idle_devices(mesh: Mesh) -> str:
    """Return a sentence about the devices of this process that ``mesh`` leaves out, or nothing if it has all."""
    if jax.default_backend() == "cpu":
        return ""
    local = jax.local_devices()
    idle = len(set(local) - set(mesh.devices.flat))
    return f"; {idle} of {len(local)} devices are idle, see --devices" if idle else ""


def shard(tree: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """Return a tree of arrays sharded over ``mesh`` by ``spec``; every process has the same full arrays."""
    sharding = NamedSharding(mesh, spec)
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def shard_leaf(leaf: Any) -> jax.Array:
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(shard_leaf, tree)


def describe_devices(mesh: Mesh | None = None) -> str:
    """Return the devices in words: ``cpu (2 cores)``, ``gpu (NVIDIA H200) x 8`` or ``... x 16 in 2 processes``."""
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
