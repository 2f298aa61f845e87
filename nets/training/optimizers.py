"""The Optax optimizer and learning rate schedule of a configuration."""

import jax
import optax
from optax import contrib

from nets.training.config import TrainConfig

WARMUP_FRACTION = 0.2
"""Fraction of the steps in which one-cycle increases the learning rate."""


def schedule(config: TrainConfig, steps: int) -> optax.Schedule:
    """Return the learning rate as a function of the step, from 0 to ``steps`` - 1."""
    peak = config.resolved_learning_rate
    if config.schedule == "constant":
        return optax.constant_schedule(peak)
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(peak, steps)
    warmup_steps = max(1, round(WARMUP_FRACTION * steps))
    return optax.join_schedules(
        [
            optax.linear_schedule(peak / warmup_steps, peak, warmup_steps),
            optax.linear_schedule(peak, 0.0, steps - warmup_steps),
        ],
        [warmup_steps],
    )


def optimizer(config: TrainConfig, steps: int) -> optax.GradientTransformation:
    """Return the optimizer of ``config`` for ``steps`` steps in total.

    Weight decay is decoupled (Loshchilov & Hutter 2019, "Decoupled weight decay regularization"). It applies to kernels
    only and is multiplied by the learning rate of the step. Muon (Jordan 2024) orthogonalizes the momentum of linear
    kernels. Its steps are scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training",
    equation 4). All other parameters are trained by Adam with the same learning rate.
    """
    learning_rate = schedule(config, steps)
    decay, momentum = config.weight_decay, config.momentum
    if config.optimizer == "sgd":
        return optax.chain(
            optax.trace(momentum, nesterov=config.nesterov) if momentum else optax.identity(),
            optax.add_decayed_weights(decay, _kernel_mask) if decay else optax.identity(),
            optax.scale_by_learning_rate(learning_rate),
        )
    if config.optimizer == "adam":
        return optax.adam(learning_rate, b1=momentum)
    if config.optimizer == "adamw":
        return optax.adamw(learning_rate, b1=momentum, weight_decay=decay, mask=_kernel_mask)
    return contrib.muon(learning_rate, beta=momentum, weight_decay=decay, adam_b1=momentum, consistent_rms=0.2)


def _kernel_mask(params: optax.Params) -> optax.Params:
    """Return the mask of weight decay: true for kernels, which have two axes or more, and false for biases."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
