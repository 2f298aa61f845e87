"""Losses and scores of a classifier: pure functions of logits and labels."""

import jax
import jax.numpy as jnp
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean of -log p(label) in nats, p the softmax of ``logits`` (N, K), for integer ``labels`` (N,)."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
