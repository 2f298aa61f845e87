"""A convolutional classifier: 3x3 convolutions with ReLU, then a multilayer perceptron."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import jax
from flax import nnx

from nets.models import Initialization
from nets.models.convolutions import im2col_convolution
from nets.models.initialization import initializers
from nets.models.mlp import MLP


class ConvNet(nnx.Module):
    """For each number of channels a 3x3 convolution without padding and a ReLU, then an `MLP` as the head.

    Parameters
    ----------
    image_shape
        (height, width, channels) of one image; every convolution reduces height and width by 2 pixels.
    classes
        Number of classes K.
    channels
        Output channels of each convolution.
    hidden
        Widths of the hidden layers of the perceptron.
    conv_general_dilated
        Implementation of the convolution, as in ``nnx.Conv``.
    final_relu, initialization, linear, rngs
        As in `MLP`.

    Raises
    ------
    ValueError
        If the images are too small for the convolutions, or are not of three axes.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> ConvNet((32, 32, 3), 10, hidden=(100, 50), rngs=nnx.Rngs(0))(jnp.zeros((5, 32, 32, 3))).shape
    (5, 10)
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        classes: int,
        *,
        channels: Sequence[int] = (12,),
        hidden: Sequence[int] = (1000, 1000),
        final_relu: bool = False,
        initialization: Initialization = "lecun-normal",
        conv_general_dilated: Callable[..., jax.Array] = im2col_convolution,
        linear: Callable[..., nnx.Module] = nnx.Linear,
        rngs: nnx.Rngs,
    ) -> None:
        trimmed = 2 * len(channels)
        if len(image_shape) != 3 or min(image_shape[:2]) <= trimmed:
            raise ValueError(
                f"`image_shape` must be (height, width, channels) with height and width above {trimmed} for "
                f"{len(channels)} convolutions of 3x3 without padding, got {tuple(image_shape)}."
            )
        height, width, input_channels = image_shape
        depths = [input_channels, *channels]
        self.conv = nnx.List(
            [
                nnx.Conv(
                    inputs,
                    outputs,
                    kernel_size=(3, 3),
                    padding="VALID",
                    conv_general_dilated=conv_general_dilated,
                    rngs=rngs,
                    **initializers(initialization, 9 * inputs),
                )
                for inputs, outputs in pairwise(depths)
            ]
        )
        self.head = MLP(
            (height - trimmed, width - trimmed, depths[-1]),
            classes,
            hidden=hidden,
            final_relu=final_relu,
            initialization=initialization,
            linear=linear,
            rngs=rngs,
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits (N, K) of ``images``, floats of shape (N, *image_shape)."""
        x = images
        for layer in self.conv:
            x = nnx.relu(layer(x))  # (N, height, width, channels), 2 pixels less
        return self.head(x)  # (N, K)
