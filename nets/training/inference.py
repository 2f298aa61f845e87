"""The logits of images under given parameters: of a run in training, and of a finished one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nets.distributed.mesh import BATCH_AXIS, MEMBERS_AXIS, REPLICATED, shard
from nets.training.networks import Network
from nets.training.step import image_rows, scale_images, state_partition_specs

type Report = Callable[[int, int], None]

EVALUATION_BATCH_SIZE = 500
"""Largest number of images whose activations a device holds at a time."""
MAX_PENDING = 4
"""Batches from the host that may wait for the device: each holds its images."""


def logits_function(network: Network, members: int = 1) -> Callable[..., np.ndarray]:
    """Return ``compute_logits(variables, images)``: float32 logits (N, K) of bytes (N, height, width, channels).

    The images are on the host, and go to one device batch by batch. The logits of an ensemble are (members, N, K). A
    third argument ``report`` is called with the number of images so far, and N.
    """

    def batch_logits(variables: Any, images: jax.Array) -> jax.Array:
        return network.logits(variables, scale_images(images))

    batch_logits = jax.jit(jax.vmap(batch_logits, in_axes=(0, None)) if members > 1 else batch_logits)

    def compute_logits(variables: Any, images: Any, report: Report = lambda *_: None) -> np.ndarray:
        if not len(images):  # JAX cannot reshape an empty batch to (0, -1)
            batch = jax.ShapeDtypeStruct((1, *images.shape[1:]), images.dtype)
            return np.zeros(jax.eval_shape(batch_logits, variables, batch).shape, np.float32)[..., :0, :]
        return _batch_by_batch(partial(batch_logits, variables), images, EVALUATION_BATCH_SIZE, report)

    return compute_logits


def streamed_logits(
    compute_logits: Callable[[Any, jax.Array], jax.Array], variables: Any, images: Any, mesh: Mesh
) -> np.ndarray:
    """Return the logits of images on the host, by the ``compute_logits`` of `device_logits_function`, batch by batch.

    ``images`` (N, height, width, channels) go to the devices of ``mesh``, as many at a time as these evaluate at once.
    """

    def batch_logits(batch: np.ndarray) -> jax.Array:
        return compute_logits(variables, shard(image_rows(batch), mesh, REPLICATED))

    return _batch_by_batch(batch_logits, images, EVALUATION_BATCH_SIZE * mesh.shape[BATCH_AXIS])


def device_logits_function(
    network: Network, image_shape: tuple[int, int, int], members: int, mesh: Mesh
) -> Callable[[Any, jax.Array], jax.Array]:
    """Return the compiled ``compute_logits(variables, images)`` of images on the devices, where the logits stay.

    ``images`` (N, height * width * channels) are the rows of `nets.training.step.image_rows`, on every device of
    ``mesh``. Each device computes the logits of its shard, batch by batch in one loop, and gets those of all: float32
    (N, K), or (members, N, K) of an ensemble.
    """
    shards = mesh.shape[BATCH_AXIS]

    def shard_logits(variables: Any, images: jax.Array) -> jax.Array:
        count = len(images)
        batches = -(-count // EVALUATION_BATCH_SIZE)
        size = -(-count // batches)

        def batch_logits(start: jax.Array) -> jax.Array:
            batch = jax.lax.dynamic_slice_in_dim(images, start, size).reshape(-1, *image_shape)
            return network.logits(variables, scale_images(batch))

        last = count - size  # the last batch overlaps the one before
        logits = jax.lax.map(batch_logits, jnp.minimum(jnp.arange(batches) * size, last))  # (batches, size, K)
        first = logits[:-1].reshape(-1, logits.shape[-1])
        return jnp.concatenate([first, logits[-1, len(first) - last :]])

    if members > 1:
        shard_logits = jax.vmap(shard_logits, in_axes=(0, None))
    if mesh.size > 1:
        leading = (MEMBERS_AXIS,) if members > 1 else ()
        in_specs = (state_partition_specs(members).params, PartitionSpec(BATCH_AXIS))
        out_specs = PartitionSpec(*leading, BATCH_AXIS)
        shard_logits = jax.shard_map(shard_logits, mesh=mesh, in_specs=in_specs, out_specs=out_specs)

    def compute_logits(variables: Any, images: jax.Array) -> jax.Array:
        count = len(images)
        padding = -count % shards if count else shards  # black images, whose logits are dropped
        return shard_logits(variables, jnp.pad(images, ((0, padding), (0, 0))))[..., :count, :]

    return jax.jit(compute_logits, out_shardings=NamedSharding(mesh, REPLICATED))


def _batch_by_batch(
    batch_logits: Callable[[Any], jax.Array], images: Any, batch_size: int, report: Report = lambda *_: None
) -> np.ndarray:
    """Return the logits (..., N, K) of ``images`` on the host, of which ``batch_logits`` gets a batch at a time."""
    size = min(batch_size, len(images))
    starts = [min(start, len(images) - size) for start in range(0, max(1, len(images)), batch_size)]
    batches: list[jax.Array] = []
    for start in starts:
        if len(batches) >= MAX_PENDING:
            batches[-MAX_PENDING].block_until_ready()
        batches.append(batch_logits(images[start : start + size]))
        report(start + size, len(images))
    *leading, _, classes = batches[0].shape
    logits = np.empty((*leading, len(images), classes), np.float32)
    for start, batch in zip(starts, batches, strict=True):  # the last batch may overlap the one before
        logits[..., start : start + size, :] = np.asarray(batch)
    return logits
