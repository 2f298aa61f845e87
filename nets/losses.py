"""Losses and scores of a classifier: pure functions of logits and labels."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.typing import ArrayLike


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean of -log p(label) in nats, p the softmax of ``logits`` (N, K), for integer ``labels`` (N,)."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def as_function(model: nnx.Module) -> tuple[Callable[[Any, ArrayLike, ArrayLike], jax.Array], dict[str, Any]]:
    """Return the cross-entropy of a classifier as ``loss(params, images, labels)``, and its parameters as a dictionary.

    What JAX differentiates is a function of arrays: the module is taken apart, and put together again inside.
    """
    module, state = nnx.split(model, nnx.Param)

    def loss(params: Any, images: ArrayLike, labels: ArrayLike) -> jax.Array:
        return cross_entropy(nnx.merge(module, params)(jnp.asarray(images)), jnp.asarray(labels))

    return loss, nnx.to_pure_dict(state)
