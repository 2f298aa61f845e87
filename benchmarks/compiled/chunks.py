"""The training chunk and the logits of `nets`, compiled or lowered for devices that need not be there.

All arguments are shapes, so nothing is computed and no data is read.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from nets.distributed.mesh import BATCH_AXIS, MEMBERS_AXIS, REPLICATED, make_mesh
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.inference import device_logits_function
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import TrainState, chunk_function, state_partition_specs

SHAPE, CLASSES, COUNT = (32, 32, 3), 10, 45_000
"""CIFAR-10 without its validation images."""
WITHOUT_A_DEVICE = {"xla_gpu_deviceless_cub_mode": "DEVICELESS_CUB_DISABLED"}
"""XLA's option for compiling where there is no GPU: else it asks one how much memory the shuffle's sort needs."""


def chunk_and_arguments(config: TrainConfig, mesh: Mesh | None = None) -> tuple[Any, tuple[Any, ...]]:
    """Return the jitted chunk of a configuration and the shapes of its arguments, on ``mesh`` if there is one."""

    def placed(tree: Any, spec: PartitionSpec) -> Any:
        sharding = NamedSharding(mesh, spec) if mesh else None
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)

    steps = COUNT // config.batch_size
    transform = optimizer(config, config.epochs * steps)
    state = jax.eval_shape(lambda: init_ensemble_state(config, SHAPE, CLASSES, transform))
    specs = state_partition_specs(config.members)
    names = [field.name for field in fields(TrainState)]
    state = TrainState(**{name: placed(getattr(state, name), getattr(specs, name)) for name in names})
    images = placed(jax.ShapeDtypeStruct((COUNT, math.prod(SHAPE)), jnp.uint8), REPLICATED)
    labels = placed(jax.ShapeDtypeStruct((COUNT,), jnp.int32), REPLICATED)
    chunk = chunk_function(network_of(config, SHAPE, CLASSES), transform, config, SHAPE, steps, mesh)
    return chunk, (state, images, labels, jax.ShapeDtypeStruct((), jnp.int32))


def logits_and_arguments(config: TrainConfig, images: int = 500) -> tuple[Any, tuple[Any, ...]]:
    """Return the jitted logits of images on one device, as in an evaluation, and the shapes of its arguments."""
    mesh = make_mesh(1, config.members, config.batch_size)
    logits = device_logits_function(network_of(config, SHAPE, CLASSES), SHAPE, config.members, mesh)
    params = jax.eval_shape(lambda: init_ensemble_state(config, SHAPE, CLASSES, optimizer(config, 1))).params
    return logits, (params, jax.ShapeDtypeStruct((images, math.prod(SHAPE)), jnp.uint8))


@dataclass(frozen=True)
class CompiledChunk:
    """A chunk compiled for devices that need not be there."""

    config: TrainConfig
    devices: Sequence[Any]
    executable: jax.stages.Compiled
    thunks: str | None
    """XLA's list of what a GPU runs (`benchmarks.compiled.thunks`); None for a TPU."""


def compile_chunk(config: TrainConfig, devices: Sequence[Any], options: dict[str, str] | None = None) -> CompiledChunk:
    """Return the chunk of a configuration, compiled for a mesh of ``devices``, with options of XLA.

    Members of an ensemble are on devices of their own as far as there are any, as in `nets.distributed.mesh.make_mesh`.
    """
    platform = "tpu" if devices[0].platform == "tpu" else "cuda"
    rows = math.gcd(config.members, len(devices))
    axes = (MEMBERS_AXIS, BATCH_AXIS)
    mesh = Mesh(np.array(devices).reshape(rows, -1), axes, axis_types=(AxisType.Auto,) * 2)
    chunk, arguments = chunk_and_arguments(config, mesh)
    lowered = chunk.trace(*arguments).lower(lowering_platforms=(platform,))
    if platform == "tpu":
        return CompiledChunk(config, devices, lowered.compile(options), None)
    with tempfile.TemporaryDirectory() as folder:
        executable = lowered.compile(WITHOUT_A_DEVICE | (options or {}) | {"xla_dump_to": folder})
        # XLA writes a second one, `..._after_thunk_passes`, if its passes change anything.
        dump = max(Path(folder).glob("*.thunk_sequence*.txt"))
        return CompiledChunk(config, devices, executable, dump.read_text(encoding="utf-8"))
