"""TPUs and GPUs by name, as devices that programs can be compiled for on a machine that has none."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import jax
from jax.experimental import topologies

from benchmarks.compiled.gpu_descriptions import gpu_description


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name in XLA, and by its data sheet bytes a second of its memory and FLOP/s of dense products."""

    name: str
    bandwidth: float
    tf32: float
    bfloat16: float


GPUS = {
    "h100": Gpu("NVIDIA H100 80GB HBM3", 3.35e12, 495e12, 989e12),
    "h200": Gpu("NVIDIA H200 141GB HBM3e", 4.8e12, 495e12, 989e12),
    "a100": Gpu("NVIDIA A100-SXM4-80GB", 2.04e12, 156e12, 312e12),
}
"""GPUs by the name of the target."""
TPU_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}
"""Else libtpu asks Google Cloud's metadata server which TPU this machine has, and waits for the answer; and it serves
one process at a time, although two may compile."""


def target_devices(target: str, hosts: int = 1, devices_per_host: int = 1) -> list[Any]:
    """Return the devices of a target, for compiling only.

    Parameters
    ----------
    target
        A name of `GPUS`, or the name of a TPU topology with its shape, such as ``v5e:2x2`` (4 devices on one host) and
        ``v5e:2x4`` (8 on two hosts). The shape of a TPU says how many devices there are.
    hosts, devices_per_host
        Number of GPUs.

    Raises
    ------
    ModuleNotFoundError
        If the compiler of the target is not installed.
    ValueError
        If there is no such target.
    """
    if target in GPUS:
        description = gpu_description(GPUS[target].name)
        shape = f"1x{hosts}x{devices_per_host}"  # partitions, hosts, devices
        return list(topologies.get_topology_desc(platform="cuda", topology=shape, target_config=description).devices)
    if find_spec("libtpu") is None:
        raise ModuleNotFoundError('libtpu is not installed; add `--with "jax[tpu]"` to `uv run --isolated`.')
    for name, value in TPU_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        return list(topologies.get_topology_desc(platform="tpu", topology_name=target).devices)
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(
            f"`target` must be {', '.join(GPUS)} or a TPU topology such as v5e:2x2, got {target!r}: {error}"
        ) from error
