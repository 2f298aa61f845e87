"""A compiled chunk of training steps on synthetic images, and variants of it that are timed alternately."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from benchmarks.compiled.chunks import CLASSES, SHAPE
from benchmarks.compiled.facts import least_flops
from benchmarks.jax_worker import synthetic
from nets.distributed.mesh import REPLICATED, shard
from nets.models.conv_net import ConvNet
from nets.models.convolutions import native_convolution
from nets.models.linear_layers import bfloat16_linear, linear
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.networks import Network, network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows, shard_state


@cache
def device_images(count: int) -> tuple[jax.Array, jax.Array]:
    """Return synthetic images and labels on the device, the same for all chunks."""
    images, labels = synthetic(count, seed=1)
    return jnp.asarray(image_rows(images)), jnp.asarray(labels)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A form of the chunk. Without arguments it is the one that training uses."""

    name: str
    compiler_options: dict[str, str | bool] = field(default_factory=dict)
    """XLA's options for the chunk."""
    native: bool = False
    """The device's own convolutions, in place of those of `nets.models.convolutions.training_convolution`."""
    barrier: bool = False
    """An optimization barrier between gradient and update, as on a CPU."""


PLAIN = Variant(name="as in training")
NATIVE = Variant(name="native convolutions", native=True)
BARRIER = Variant(name="an optimization barrier", barrier=True)
COMMANDS = "FUSION,CUBLAS,CUBLASLT,CUDNN,CONVOLUTION,CUSTOM_CALL,CONDITIONAL,DYNAMIC_SLICE_FUSION"
"""XLA's names of the commands of a step."""
NVIDIA = (
    Variant(name="the loop in one CUDA graph", compiler_options={"xla_gpu_enable_command_buffer": f"{COMMANDS},WHILE"}),
    # a chunk has no conditional, so that nothing is captured
    Variant(name="no CUDA graph", compiler_options={"xla_gpu_enable_command_buffer": "CONDITIONAL"}),
    Variant(name="no Triton products", compiler_options={"xla_gpu_enable_triton_gemm": False}),
    # among others without products that are split over the contracted axis ("split-K") and summed in any order
    Variant(name="deterministic operations", compiler_options={"xla_gpu_deterministic_ops": True}),
)
"""Forms for an NVIDIA GPU."""


def variants(config: TrainConfig, device_kind: str) -> list[Variant]:
    """Return the forms of a chunk of ``config`` that a kind of device can run, first the one of training.

    In bfloat16 they are two at most, because each is compiled: there is no barrier on a CPU either, and XLA's options
    are compared in float32.
    """
    listed = [PLAIN, NATIVE] if config.model == "conv" else [PLAIN]
    if config.precision == "float32":
        listed += [BARRIER, *(NVIDIA if device_kind.startswith("NVIDIA") else ())]
    return listed


class Chunk:
    """A compiled chunk with a train state; each call of `run` trains for an epoch."""

    def __init__(self, config: TrainConfig, count: int, epochs: int, variant: Variant, mesh: Mesh | None = None):
        self.images_per_epoch = count // config.batch_size * config.batch_size * config.members
        self.flops_per_image = least_flops(config)
        self.steps, self.epoch = count // config.batch_size, 0
        transform = optimizer(config, self.steps * epochs)
        self.images, self.labels = device_images(count)
        self.state = init_ensemble_state(config, SHAPE, CLASSES, transform)
        if mesh is not None:
            self.images, self.labels = shard((self.images, self.labels), mesh, REPLICATED)
            self.state = shard_state(self.state, config.members, mesh)
        transform = with_barrier(transform) if variant.barrier else transform
        chunk: Any = chunk_function(network(config, variant), transform, config, SHAPE, self.steps, mesh)
        started = time.perf_counter()
        lowered = chunk.lower(self.state, self.images, self.labels, 1)
        self.compiled = lowered.compile(compiler_options=variant.compiler_options)
        self.compile_seconds = time.perf_counter() - started
        memory = self.compiled.memory_analysis()
        self.temporary_bytes = memory.temp_size_in_bytes if memory else None

    def run(self) -> float:
        """Train for an epoch, in one chunk, and return its seconds."""
        started = time.perf_counter()
        self.epoch += 1
        self.state = self.compiled(self.state, self.images, self.labels, self.epoch * self.steps)
        jax.block_until_ready(self.state)
        return time.perf_counter() - started


def network(config: TrainConfig, variant: Variant) -> Network:
    """Return the network, with the convolutions of the variant."""
    if not variant.native:
        return network_of(config, SHAPE, CLASSES)
    bfloat16 = config.precision == "bfloat16"

    def native_network() -> ConvNet:
        return ConvNet(
            SHAPE,
            CLASSES,
            channels=config.channels,
            hidden=config.hidden,
            conv_general_dilated=partial(native_convolution, bfloat16=bfloat16),
            linear=bfloat16_linear if bfloat16 else linear,
            rngs=nnx.Rngs(0),
        )

    return Network.of(nnx.eval_shape(native_network))


def with_barrier(transform: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return ``transform`` behind an optimization barrier, across which XLA fuses nothing."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        return transform.update(jax.lax.optimization_barrier(updates), state, params)

    return optax.GradientTransformation(transform.init, update)


def timed_alternately(chunks: Sequence[Chunk], repeats: int) -> list[dict[str, Any]]:
    """Return images a second of each chunk, the median and the range of ``repeats`` epochs, after one that is not
    timed."""
    for chunk in chunks:
        chunk.run()
    speeds: list[list[float]] = [[] for _ in chunks]
    for _ in range(repeats):
        for chunk, listed in zip(chunks, speeds, strict=True):
            listed.append(chunk.images_per_epoch / chunk.run())
    return [
        {
            "images_per_second": median(listed),
            "range": [min(listed), max(listed)],
            "flops_per_image": chunk.flops_per_image,
            "compile_seconds": chunk.compile_seconds,
            "temporary_bytes": chunk.temporary_bytes,
        }
        for chunk, listed in zip(chunks, speeds, strict=True)
    ]
