"""The network of a configuration: the project's or anybody's own `flax.nnx.Module`, and how it computes logits."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import nnx

from nets.models.conv_net import ConvNet
from nets.models.convolutions import training_convolution
from nets.models.linear_layers import bfloat16_linear, linear
from nets.models.mlp import MLP
from nets.training.config import TrainConfig


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
        model = nnx.merge(self.graphdef, variables, self._random_state(None))
        model.eval()
        return model(images).astype(jnp.float32)

    def training_logits(self, params: Any, statistics: Any, images: jax.Array, key: jax.Array) -> tuple[jax.Array, Any]:
        """Return the logits as in `logits`, but in training with the random numbers of ``key``; and new statistics."""
        model = nnx.merge(self.graphdef, params, statistics, self._random_state(key))
        model.train()
        logits = model(images).astype(jnp.float32)
        return logits, variables_of(model)[1]

    def _random_state(self, key: jax.Array | None) -> Any:
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


def variables_of(model: nnx.Module) -> tuple[Any, Any]:
    """Return the parameters of a module, and its statistics (`Network`)."""
    _, params, _, statistics = nnx.split(model, nnx.Param, nnx.RngState, ...)
    return nnx.to_pure_dict(params), nnx.to_pure_dict(statistics)


def merged(params: Any, statistics: Any) -> Any:
    """Return the variables for evaluation: parameters and statistics in one tree."""
    if not statistics:
        return params
    flat = nnx.traversals.flatten_mapping(params) | nnx.traversals.flatten_mapping(statistics)
    return nnx.traversals.unflatten_mapping(flat)


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


def network_of(config: TrainConfig, image_shape: tuple[int, int, int], classes: int) -> Network:
    """Return the network of ``config``; raise ValueError if an own network cannot be built, or returns no logits."""
    if not config.own_network:
        return Network.of(nnx.eval_shape(lambda: build_network(config, image_shape, classes)))
    imported(config.model)  # its errors are its own
    called = f"`model` {config.model}, called with image_shape={tuple(image_shape)}, classes={classes} and rngs"

    def build() -> nnx.Module:
        model = build_network(config, image_shape, classes)
        if not isinstance(model, nnx.Module):
            raise TypeError(f"it returned {type(model).__name__}")
        return model

    try:
        model = nnx.eval_shape(build)
    except Exception as error:
        raise ValueError(f"{called}, must return a flax.nnx.Module ({_first_line(error)}).") from error
    _require_logits(called, model, image_shape, classes)
    return Network.of(model)


def import_path(network: Callable[..., nnx.Module]) -> str:
    """Return the path ``module:name`` of a class or function; raise ValueError if it is not found there."""
    path = f"{getattr(network, '__module__', '')}:{getattr(network, '__qualname__', '')}"
    try:
        found = imported(path)
    except ValueError:
        found = None
    if found is not network:
        raise ValueError(
            "`network` must be a class or a function that stands at the top of a module, a script or a notebook, so "
            f"that its runs can be read again by its name, got {network!r}."
        )
    return path


def imported(path: str) -> Callable[..., nnx.Module]:
    """Return the class or function at ``module:name``; raise ValueError if there is none."""
    module, _, name = path.partition(":")
    try:
        return attrgetter(name)(import_module(module))
    except Exception as error:  # whatever a module raises as it is imported
        where = (
            "it was defined in a script or a notebook that is not running; define it in a module of its own"
            if module == "__main__"
            else f"put the folder of {module.partition('.')[0]}.py on PYTHONPATH, or start there"
        )
        raise ValueError(f"`model` {path} cannot be imported ({_first_line(error)}); {where}.") from error


def _require_logits(called: str, model: nnx.Module, image_shape: tuple[int, int, int], classes: int) -> None:
    """Raise ValueError unless ``model``, of shapes only, returns logits in training and in evaluation."""
    network, (params, statistics) = Network.of(model), variables_of(model)
    if not jax.tree.leaves(params):
        raise ValueError(f"{called}, must return a module with parameters (nnx.Param), got none.")
    images, key = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32), jax.eval_shape(lambda: jax.random.key(0))
    try:
        evaluated = jax.eval_shape(network.logits, merged(params, statistics), images)
        trained, changed = jax.eval_shape(network.training_logits, params, statistics, images, key)
    except Exception as error:
        raise ValueError(
            f"{called}, must return a module whose call with float32 images {images.shape} returns logits, but it "
            f"raised {_first_line(error)}."
        ) from error
    for logits in [evaluated, trained]:
        if logits.shape != (2, classes):
            raise ValueError(
                f"{called}, must return a module that maps images {images.shape} to logits {(2, classes)}, got the "
                f"shape {logits.shape}."
            )
    before, after = (jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in [statistics, changed])
    if before != after:
        raise ValueError(f"{called}, must return a module whose call adds no variables and changes no shape or type.")


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
