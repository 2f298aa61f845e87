"""Images changed in ways that leave their class as it is, on the device."""

import jax
import jax.numpy as jnp

from nets.config import Augmentation


def augment(key: jax.Array, images: jax.Array, augmentation: Augmentation) -> jax.Array:
    """Return ``images`` (N, height, width, channels), each changed at random by ``augmentation``.

    ``flip`` mirrors every other image left to right; ``flip+crop`` moves it besides, by up to an eighth of the height
    and of the width each way, with 0 where nothing was.
    """
    if augmentation == "none":
        return images
    flip_key, crop_key = jax.random.split(key)
    flipped = jax.random.bernoulli(flip_key, shape=(len(images), 1, 1, 1))
    images = jnp.where(flipped, images[:, :, ::-1], images)
    return images if augmentation == "flip" else _move(crop_key, images)


def _move(key: jax.Array, images: jax.Array) -> jax.Array:
    N, height, width, _ = images.shape
    down_key, right_key = jax.random.split(key)
    most_down, most_right = height // 8, width // 8
    down = jax.random.randint(down_key, (N,), -most_down, most_down + 1)
    right = jax.random.randint(right_key, (N,), -most_right, most_right + 1)
    # A shift is a product with a matrix of zeros and ones, faster on every device than a gather an image.
    rows = jnp.stack([jnp.eye(height, k=k) for k in range(-most_down, most_down + 1)])[down + most_down]  # (N, H, H)
    columns = jnp.stack([jnp.eye(width, k=k) for k in range(-most_right, most_right + 1)])[right + most_right]
    return jnp.einsum("nij,njkc,nlk->nilc", rows, images, columns, precision="highest")
