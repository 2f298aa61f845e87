"""Loss and accuracy of a classifier: pure functions of logits and labels."""

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


def smoothed(loss: jax.Array, logits: jax.Array, label_smoothing: float) -> jax.Array:
    """Return the cross-entropy of smoothed labels, from that of the labels, ``loss``, and the ``logits`` (N, K).

    With ``label_smoothing`` a, the label has weight 1 - a, and a is spread uniformly over all K classes (Szegedy et
    al. 2016, "Rethinking the Inception architecture", section 7).
    """
    if label_smoothing == 0:
        return loss
    return (1 - label_smoothing) * loss - label_smoothing * jnp.mean(jax.nn.log_softmax(logits))


def weighted_cross_entropy(
    logits: jax.Array, labels: jax.Array, class_weights: jax.Array, label_smoothing: float
) -> jax.Array:
    """Return the mean over images of the weight of their class times the cross-entropy of their smoothed label.

    ``class_weights`` are (K,). With weights of 1 it is `smoothed` of `cross_entropy`.
    """
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)  # (N,)
    if label_smoothing:
        uniform = -jnp.mean(jax.nn.log_softmax(logits), axis=1)  # (N,)
        losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    return jnp.mean(class_weights[labels] * losses)


def accuracy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the fraction of ``labels`` (N,) that are the argmax of their ``logits`` (N, K)."""
    return jnp.mean(jnp.argmax(logits, axis=1) == labels)


def functional_loss(model: nnx.Module) -> tuple[Callable[[Any, ArrayLike, ArrayLike], jax.Array], dict[str, Any]]:
    """Return the cross-entropy of a classifier as ``loss(params, images, labels)``, and its parameters as a dictionary.

    JAX differentiates functions of arrays: the module is split here, and merged again inside ``loss``.
    """
    module, state, rest = nnx.split(model, nnx.Param, ...)

    def loss(params: Any, images: ArrayLike, labels: ArrayLike) -> jax.Array:
        return cross_entropy(nnx.merge(module, params, rest, copy=True)(jnp.asarray(images)), jnp.asarray(labels))

    return loss, nnx.to_pure_dict(state)
