"""The logits of images under given parameters: of a run in training, and of a finished one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nets.distributed.mesh import BATCH_AXIS, MEMBERS_AXIS, REPLICATED, shard
from nets.training.step import scale_images, state_partition_specs

EVALUATION_BATCH_SIZE = 500
"""Batch size of `logits_function`."""


def logits_function(module: Any, members: int = 1, mesh: Mesh | None = None) -> Callable[[Any, Any], np.ndarray]:
    """Return ``compute_logits(params, images)``: float32 logits (N, K) of bytes (N, height, width, channels).

    The logits of an ensemble are (members, N, K). On a ``mesh`` each device computes the logits of its shard of the
    images, and every process gets all of them.
    """

    def batch_logits(params: Any, images: jax.Array) -> jax.Array:
        return nnx.merge(module, params)(scale_images(images)).astype(jnp.float32)

    if members > 1:
        batch_logits = jax.vmap(batch_logits, in_axes=(0, None))
    if mesh and mesh.size > 1:
        leading = (MEMBERS_AXIS,) if members > 1 else ()
        in_specs = (state_partition_specs(members).params, PartitionSpec(BATCH_AXIS))
        out_specs = PartitionSpec(*leading, BATCH_AXIS)
        batch_logits = jax.shard_map(batch_logits, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
        batch_logits = jax.jit(batch_logits, out_shardings=NamedSharding(mesh, REPLICATED))
    else:
        batch_logits = jax.jit(batch_logits)

    def compute_logits(params: Any, images: Any) -> np.ndarray:
        if not len(images):  # JAX cannot reshape an empty batch to (0, -1)
            batch = jax.ShapeDtypeStruct((mesh.shape[BATCH_AXIS] if mesh else 1, *images.shape[1:]), images.dtype)
            return np.asarray(jnp.zeros_like(jax.eval_shape(batch_logits, params, batch)))[..., :0, :]
        size = min(EVALUATION_BATCH_SIZE, len(images))
        starts = [min(start, len(images) - size) for start in range(0, len(images), EVALUATION_BATCH_SIZE)]
        batches = [batch_logits(params, shard_batch(images[start : start + size])) for start in starts]
        *leading, _, classes = batches[0].shape
        logits = np.empty((*leading, len(images), classes), np.float32)
        for start, batch in zip(starts, batches, strict=True):  # the last batch may overlap the one before
            logits[..., start : start + size, :] = np.asarray(batch)[..., :size, :]
        return logits

    def shard_batch(batch: Any) -> Any:
        if not (mesh and mesh.size > 1):
            return batch
        padding = -len(batch) % mesh.shape[BATCH_AXIS]  # black images, whose logits are dropped
        return shard(np.pad(batch, [(0, padding), (0, 0), (0, 0), (0, 0)]), mesh, PartitionSpec(BATCH_AXIS))

    return compute_logits
