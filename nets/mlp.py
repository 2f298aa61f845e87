"""A multilayer perceptron: linear layers with ReLU between them."""

import math
from collections.abc import Sequence
from itertools import pairwise

import jax
from flax import nnx


class MLP(nnx.Module):
    """Flatten, then for each hidden width a linear layer and ReLU, then a linear layer to one logit a class.

    Parameters
    ----------
    image_shape
        Shape of one input without the batch, such as (32, 32, 3) or (64,).
    classes
        Number of classes K.
    hidden
        Widths of the hidden layers.
    rngs
        Random numbers for the initial parameters (Flax's defaults: LeCun normal kernels, biases 0).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> MLP((32, 32, 3), 10, hidden=(100, 50), rngs=nnx.Rngs(0))(jnp.zeros((5, 32, 32, 3))).shape
    (5, 10)
    """

    def __init__(
        self, image_shape: Sequence[int], classes: int, *, hidden: Sequence[int] = (1000, 1000), rngs: nnx.Rngs
    ) -> None:
        widths = [math.prod(image_shape), *hidden]
        self.hidden = nnx.List([nnx.Linear(inputs, outputs, rngs=rngs) for inputs, outputs in pairwise(widths)])
        self.logits = nnx.Linear(widths[-1], classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits (N, K) of ``images``, floats of shape (N, *image_shape)."""
        x = images.reshape(len(images), -1)  # (N, M)
        for layer in self.hidden:
            x = nnx.relu(layer(x))  # (N, width)
        return self.logits(x)  # (N, K)
