"""Random flips and crops of images, on the device."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nets.data import Augmentation

type LocalShard = Callable[[jax.Array], jax.Array]
"""Returns this device's shard of an array with one entry per image of the batch."""


def augment(
    key: jax.Array,
    images: jax.Array,
    augmentation: Augmentation,
    local_shard: LocalShard = lambda array: array,
    num_shards: int = 1,
) -> jax.Array:
    """Return ``images`` (N, height, width, channels), each augmented at random.

    ``flip`` mirrors an image left to right with probability 1/2. ``flip+crop`` also translates it by up to an eighth of
    the height and of the width in each direction, and pads with 0. If the images are one of ``num_shards`` equal shards
    of a batch, random numbers are drawn for the full batch and ``local_shard`` selects those of this device. The
    augmentation of a batch therefore does not depend on the number of devices.
    """
    if augmentation == "none":
        return images
    flip_key, crop_key = jax.random.split(key)
    flipped = local_shard(jax.random.bernoulli(flip_key, shape=(num_shards * len(images), 1, 1, 1)))
    images = jnp.where(flipped, images[:, :, ::-1], images)
    return images if augmentation == "flip" else _translate(crop_key, images, local_shard, num_shards)


def _translate(key: jax.Array, images: jax.Array, local_shard: LocalShard, num_shards: int) -> jax.Array:
    N, height, width, _ = images.shape
    down_key, right_key = jax.random.split(key)
    max_down, max_right = height // 8, width // 8
    down = local_shard(jax.random.randint(down_key, (num_shards * N,), -max_down, max_down + 1))
    right = local_shard(jax.random.randint(right_key, (num_shards * N,), -max_right, max_right + 1))
    # A translation is a product with a matrix of zeros and ones: faster on every device than one gather per image.
    rows = jnp.stack([jnp.eye(height, k=k) for k in range(-max_down, max_down + 1)])[down + max_down]  # (N, H, H)
    columns = jnp.stack([jnp.eye(width, k=k) for k in range(-max_right, max_right + 1)])[right + max_right]
    return jnp.einsum("nij,njkc,nlk->nilc", rows, images, columns, precision="highest")
