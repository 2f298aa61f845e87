"""A multilayer perceptron: linear layers with ReLU between them."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import jax
from flax import nnx

from nets.models import Initialization
from nets.models.initialization import initializers


class MLP(nnx.Module):
    """Flatten, then for each hidden width a linear layer and ReLU, then a linear layer to one logit for each class.

    Parameters
    ----------
    image_shape
        Shape of one input without the batch, such as (32, 32, 3) or (64,).
    classes
        Number of classes K.
    hidden
        Widths of the hidden layers.
    final_relu
        Whether the logits pass a ReLU too: only to reproduce networks that have it.
    initialization
        How the parameters are initialized (`nets.models.initialization`).
    linear
        Constructor of a linear layer from inputs, outputs, initializers and ``rngs`` (`nets.models.linear_layers` has
        those for training).
    rngs
        Random numbers for the initial parameters.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> MLP((32, 32, 3), 10, hidden=(100, 50), rngs=nnx.Rngs(0))(jnp.zeros((5, 32, 32, 3))).shape
    (5, 10)
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        classes: int,
        *,
        hidden: Sequence[int] = (1000, 1000),
        final_relu: bool = False,
        initialization: Initialization = "lecun-normal",
        linear: Callable[..., nnx.Module] = nnx.Linear,
        rngs: nnx.Rngs,
    ) -> None:
        widths = [math.prod(image_shape), *hidden, classes]
        layers = [
            linear(inputs, outputs, rngs=rngs, **initializers(initialization, inputs))
            for inputs, outputs in pairwise(widths)
        ]
        self.hidden, self.logits = nnx.List(layers[:-1]), layers[-1]
        self.final_relu = final_relu

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits (N, K) of ``images``, floats of shape (N, *image_shape)."""
        x = images.reshape(images.shape[0], -1)  # (N, M); N may be symbolic, so no `len`
        for layer in self.hidden:
            x = nnx.relu(layer(x))  # (N, width)
        logits = self.logits(x)  # (N, K)
        return nnx.relu(logits) if self.final_relu else logits
