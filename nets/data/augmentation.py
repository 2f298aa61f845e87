"""Images changed in ways that leave their class as it is, on the device."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nets.data import Augmentation

type Share = Callable[[jax.Array], jax.Array]
"""What takes one device's share out of an array with an entry an image of the batch."""


def augment(
    key: jax.Array, images: jax.Array, augmentation: Augmentation, share: Share = lambda whole: whole, shares: int = 1
) -> jax.Array:
    """Return ``images`` (N, height, width, channels), each changed at random by ``augmentation``.

    ``flip`` mirrors every other image left to right; ``flip+crop`` moves it besides, by up to an eighth of the height
    and of the width each way, with 0 where nothing was. Where the images are one of ``shares`` equal shares of a batch,
    ``share`` takes theirs out of what is drawn for the whole: a batch is changed in the same way however it is shared.
    """
    if augmentation == "none":
        return images
    flip_key, crop_key = jax.random.split(key)
    flipped = share(jax.random.bernoulli(flip_key, shape=(shares * len(images), 1, 1, 1)))
    images = jnp.where(flipped, images[:, :, ::-1], images)
    return images if augmentation == "flip" else _move(crop_key, images, share, shares)


def _move(key: jax.Array, images: jax.Array, share: Share, shares: int) -> jax.Array:
    N, height, width, _ = images.shape
    down_key, right_key = jax.random.split(key)
    most_down, most_right = height // 8, width // 8
    down = share(jax.random.randint(down_key, (shares * N,), -most_down, most_down + 1))
    right = share(jax.random.randint(right_key, (shares * N,), -most_right, most_right + 1))
    # A shift is a product with a matrix of zeros and ones, faster on every device than a gather an image.
    rows = jnp.stack([jnp.eye(height, k=k) for k in range(-most_down, most_down + 1)])[down + most_down]  # (N, H, H)
    columns = jnp.stack([jnp.eye(width, k=k) for k in range(-most_right, most_right + 1)])[right + most_right]
    return jnp.einsum("nij,njkc,nlk->nilc", rows, images, columns, precision="highest")
