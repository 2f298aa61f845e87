"""Training images in memory, or read from disk in the order of the same shuffle if they do not fit.

In memory all images are on the device, and a step takes its batch there. Streamed images are read in blocks of batches,
in the order in which the steps need them, and the next block is read by a thread while the device computes. Both have
the same shuffle, so that a run has the same result.

Data loaders such as Grain are not used for this. They shuffle by themselves, so the result would be another one; they
handle each image as an object of its own, in processes of their own; and what is read here is one array on disk, of
which NumPy reads a block in one call.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import psutil
from jax.sharding import PartitionSpec

from nets.data.splits import Split
from nets.distributed.mesh import MEMBERS_AXIS, REPLICATED, shard
from nets.distributed.processes import max_over_processes
from nets.training.config import TrainConfig
from nets.training.step import epoch_order, image_rows, training_key

BLOCK_BYTES = 2**23
"""Size of a block of streamed images, unless a batch is larger. Three are in memory at a time."""
DEVICE_SHARE, HOST_SHARE = 1 / 2, 1 / 4
"""Shares of the free memory of a device, and of the host, that the images may take. The host holds them
twice while they are prepared, and on a CPU also as the memory of the device."""


@dataclass(frozen=True)
class Block:
    """Images and labels on the devices, for the steps from ``first`` up to but not including ``stop``."""

    images: jax.Array
    labels: jax.Array
    first: int
    stop: int


def must_stream(config: TrainConfig, size: int) -> bool:
    """Return whether images of ``size`` bytes are streamed: as ``config.stream`` says, or if they do not
    fit."""
    if config.stream != "auto":
        return config.stream == "always"
    free = [HOST_SHARE * psutil.virtual_memory().available]
    for device in jax.local_devices():
        statistics = device.memory_stats() or {}  # a CPU has none
        if "bytes_limit" in statistics:
            free.append(DEVICE_SHARE * (statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)))
    (some_process_must,) = max_over_processes(float(size > min(free)))
    return bool(some_process_must)


def blocks_in_memory(images: jax.Array, labels: jax.Array, total_steps: int) -> Callable[[int], Block]:
    """Return a function of the step that returns all ``images`` and ``labels``, which are on the devices."""
    block = Block(images, labels, 0, total_steps)
    return lambda _: block


class StreamedBlocks:
    """A function of the step that returns the block with its batch; blocks are read in advance, in order.

    Parameters
    ----------
    config
        Its seeds determine the shuffles, one for each member.
    train
        The training images.
    total_steps
        Steps of the run.
    mesh
        Every device gets the whole block, or with several members those of its members.
    """

    def __init__(self, config: TrainConfig, train: Split, total_steps: int, mesh: jax.sharding.Mesh) -> None:
        self._train, self._mesh, self._total_steps = train, mesh, total_steps
        self._batch_size, self._members = config.batch_size, config.members
        self._steps = len(train) // config.batch_size
        batch_bytes = config.members * config.batch_size * train.images[:1].nbytes
        self._block_steps = max(1, min(self._steps, BLOCK_BYTES // batch_bytes))
        keys = jnp.stack([training_key(seed) for seed in config.seeds])
        orders = jax.jit(jax.vmap(lambda key, epoch: epoch_order(key, epoch, len(train))[0], in_axes=(0, None)))
        self._order_of = lambda epoch: np.asarray(orders(keys, epoch))  # (members, N)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))
        self._reader = ThreadPoolExecutor(1)
        self._current: Block | None = None
        self._next: tuple[int, Future[tuple[np.ndarray, np.ndarray]]] | None = None

    def __call__(self, step: int) -> Block:
        current = self._current
        if current is not None and current.first <= step < current.stop:
            return current
        self._current = current = None  # its memory is free before the next block is on the device
        first, future = self._next or (-1, None)
        images, labels = future.result() if future and first == step else self._read(step)
        stop = self._stop(step)
        spec = REPLICATED if self._members == 1 else PartitionSpec(MEMBERS_AXIS)
        images, labels = shard((images, labels), self._mesh, spec)
        self._current = Block(images, labels, step, stop)
        self._next = (stop, self._reader.submit(self._read, stop)) if stop < self._total_steps else None
        return self._current

    def _stop(self, first: int) -> int:
        """Return the step after the block that begins with step ``first``: a block is of one epoch."""
        return min(first + self._block_steps, (first // self._steps + 1) * self._steps)

    def _read(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of images and the labels of the block that begins with step ``first``."""
        epoch, position = divmod(first, self._steps)
        if self._order[0] != epoch:
            self._order = epoch, self._order_of(epoch)
        count = (self._stop(first) - first) * self._batch_size
        size = self._block_steps * self._batch_size  # of every block: the step is compiled once
        start = position * self._batch_size
        images = np.zeros((self._members, size, int(np.prod(self._train.images.shape[1:]))), np.uint8)
        labels = np.zeros((self._members, size), np.int32)
        for member, order in enumerate(self._order[1]):
            chosen = order[start : start + count]
            images[member, :count] = image_rows(self._train.images[chosen])
            labels[member, :count] = self._train.labels[chosen]
        return (images[0], labels[0]) if self._members == 1 else (images, labels)
