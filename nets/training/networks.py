"""The network of a configuration: the project's or anybody's own `flax.nnx.Module`, and how it computes logits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import nnx

from nets.models.conv_net import ConvNet
from nets.models.convolutions import training_convolution
from nets.models.linear_layers import bfloat16_linear, linear
from nets.models.mlp import MLP
from nets.training.config import TrainConfig
from nets.training.own_networks import first_line, imported, require_module, require_trainable
from nets.training.variables import variables_of


@dataclass(frozen=True)
class Network:
    """A network without its variables, which are trees of arrays.

    ``params`` are its parameters (`nnx.Param`), and ``statistics`` whatever else it keeps and changes in training, such
    as the running means of `nnx.BatchNorm`. The variables for evaluation are both in one tree. Random numbers (of
    `nnx.Dropout`) are no variables: they follow from a key that is given for every step.
    """

    graphdef: Any
    random: Any
    """The shapes of its `nnx.RngState`."""

    @classmethod
    def of(cls, model: nnx.Module) -> Self:
        """Return the network of a module, whose arrays may be shapes only."""
        graphdef, random, _ = nnx.split(model, nnx.RngState, ...)
        return cls(graphdef, jax.eval_shape(lambda: nnx.to_pure_dict(random)))

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """Return the logits (N, K) float32 of ``images``, floats (N, height, width, channels), in evaluation."""
        model = nnx.merge(self.graphdef, variables, self.random_state(None))
        model.eval()
        return model(images).astype(jnp.float32)

    def training_logits(self, params: Any, statistics: Any, images: jax.Array, key: jax.Array) -> tuple[jax.Array, Any]:
        """Return the logits as in `logits`, but in training with the random numbers of ``key``; and new statistics."""
        model = nnx.merge(self.graphdef, params, statistics, self.random_state(key))
        model.train()
        logits = model(images).astype(jnp.float32)
        return logits, jax.tree.map(_as_varying, variables_of(model)[1], statistics)

    def random_state(self, key: jax.Array | None) -> Any:
        """Return the random state from ``key``, or for evaluation, which uses none, from a constant."""
        shapes, tree = jax.tree.flatten(self.random)
        if not shapes:
            return {}
        key = jax.random.key(0) if key is None else key

        def initial(index: int, shape: jax.ShapeDtypeStruct) -> jax.Array:
            if not jnp.issubdtype(shape.dtype, jax.dtypes.prng_key):
                return jnp.zeros(shape.shape, shape.dtype)  # a count of the random numbers so far
            return jax.random.split(jax.random.fold_in(key, index), shape.shape)

        return jax.tree.unflatten(tree, [initial(index, shape) for index, shape in enumerate(shapes)])


def _as_varying(new: jax.Array, old: jax.Array) -> jax.Array:
    """Return ``new`` as an array that differs between the same devices as ``old``, as the loop over steps requires."""
    return jnp.where(False, old, new)


def build_network(
    config: TrainConfig, image_shape: tuple[int, int, int], classes: int, seed: int | jax.Array | None = None
) -> nnx.Module:
    """Return the network of ``config`` with its initial variables, or with those of another ``seed``."""
    key = jax.random.fold_in(jax.random.key(config.seed if seed is None else seed), 0)
    if config.own_network:
        return imported(config.model)(image_shape=image_shape, classes=classes, rngs=nnx.Rngs(key))
    bfloat16 = config.precision == "bfloat16"
    options = {
        "hidden": config.hidden,
        "final_relu": config.final_relu,
        "initialization": config.initialization,
        "linear": bfloat16_linear if bfloat16 else linear,
        "rngs": nnx.Rngs(params=key),
    }
    if config.model == "mlp":
        return MLP(image_shape, classes, **options)
    convolution = training_convolution(bfloat16, vmapped=config.members > 1)
    return ConvNet(image_shape, classes, channels=config.channels, conv_general_dilated=convolution, **options)


def network_of(
    config: TrainConfig, image_shape: tuple[int, int, int], classes: int, *, for_training: bool = True
) -> Network:
    """Return the network of ``config``; raise ValueError if an own network cannot be built, or cannot be trained."""

    def build() -> nnx.Module:
        model = build_network(config, image_shape, classes)
        require_module(model)
        return model

    if not config.own_network:
        return _traced(build)[0]
    imported(config.model)  # its errors are its own
    called = f"`model` {config.model}, called with image_shape={tuple(image_shape)}, classes={classes} and rngs"
    try:
        network, params, statistics = _traced(build)
    except Exception as error:
        raise ValueError(f"{called}, must return a flax.nnx.Module ({first_line(error)}).") from error
    if for_training:
        require_trainable(called, network, params, statistics, image_shape, classes)
    return network


def _traced(build: Callable[[], nnx.Module]) -> tuple[Network, Any, Any]:
    """Return the network of the module that ``build`` returns, and the shapes of its parameters and statistics."""
    networks: list[Network] = []

    def variables() -> tuple[Any, Any]:
        model = build()
        networks.append(Network.of(model))
        return variables_of(model)

    params, statistics = jax.eval_shape(variables)
    return networks[0], params, statistics
