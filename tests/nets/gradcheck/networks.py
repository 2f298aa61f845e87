"""Networks at random points for the tests: parameters, data, and the loss in the form each method needs."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from nets.backprop import one_hidden_layer
from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.models.conv_net import ConvNet
from nets.models.losses import functional_loss
from nets.models.mlp import MLP


@dataclass(frozen=True)
class SigmoidNet:
    """The network of `nets.backprop.one_hidden_layer` with standard normal parameters (times ``size``) and data."""

    N: int = 5
    M: int = 3
    H: int = 4
    seed: int = 0
    size: float = 1.0
    labels: str = "mixed"

    @property
    def params(self):
        rng = np.random.default_rng(self.seed)
        shapes = {"W1": (self.H, self.M), "b1": (self.H,), "W2": (1, self.H), "b2": (1,)}
        return {name: self.size * rng.standard_normal(shape) for name, shape in shapes.items()}

    @property
    def data(self):
        rng = np.random.default_rng([1, self.seed])
        x, y = rng.standard_normal((self.N, self.M)), rng.integers(0, 2, self.N)
        return x, {"mixed": y, "zeros": 0 * y, "ones": 0 * y + 1}[self.labels]

    def loss(self, params):
        return one_hidden_layer.loss(params, *self.data)

    def textbook_loss(self, params):
        return one_hidden_layer.textbook_loss(params, *self.data)

    def gradient(self, params):
        return one_hidden_layer.gradient(params, *self.data)


@dataclass(frozen=True)
class Classifier:
    """A Flax module with its initial parameters, random images and labels, and its gradient by hand."""

    function: Any
    params: Any
    images: Any
    labels: Any
    grad_fn: Any

    def loss(self, params):
        with jax.numpy_rank_promotion("allow"):
            return self.function(params, self.images, self.labels)

    def gradient(self, params):
        return self.grad_fn(params, self.images, self.labels)


def mlp(image_shape=(4, 3, 1), hidden=(5, 6), classes=3, points=7, seed=0):
    model = partial(MLP, image_shape, classes, hidden=hidden)
    return _classifier(model, image_shape, classes, points, seed, mlp_gradient)


def conv_net(image_shape=(6, 7, 2), channels=(4,), hidden=(5, 6), classes=3, points=7, seed=0):
    model = partial(ConvNet, image_shape, classes, channels=channels, hidden=hidden)
    return _classifier(model, image_shape, classes, points, seed, conv_net_gradient)


def _classifier(model, image_shape, classes, points, seed, grad_fn):
    """Return the classifier with normal parameters of sd 1 / sqrt(fan_in), biases of sd 0.1; nothing is compiled."""
    function, shapes = functional_loss(nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0))))
    rng = np.random.default_rng(seed)

    def normal(leaf):
        sd = 0.1 if len(leaf.shape) == 1 else math.prod(leaf.shape[:-1]) ** -0.5
        return (sd * rng.standard_normal(leaf.shape)).astype(np.float32)

    params = jax.tree.map(normal, shapes)
    return Classifier(
        function, params, rng.standard_normal((points, *image_shape)), rng.integers(0, classes, points), grad_fn
    )
