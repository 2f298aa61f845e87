"""The optimisers and learning rate schedules of a training run, out of Optax."""

import jax
import optax
from optax import contrib

from nets.training.config import TrainConfig

WARM_UP = 0.2
"""Share of the steps over which one-cycle raises the learning rate."""


def schedule(config: TrainConfig, steps: int) -> optax.Schedule:
    """Return the learning rate at each of ``steps`` steps, counted from 0."""
    peak = config.rate
    if config.schedule == "constant":
        return optax.constant_schedule(peak)
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(peak, steps)
    warm_up = max(1, round(WARM_UP * steps))
    return optax.join_schedules(
        [optax.linear_schedule(peak / warm_up, peak, warm_up), optax.linear_schedule(peak, 0.0, steps - warm_up)],
        [warm_up],
    )


def optimizer(config: TrainConfig, steps: int) -> optax.GradientTransformation:
    """Return the optimiser of ``config`` for ``steps`` steps in all.

    Weight decay is decoupled (Loshchilov & Hutter 2019, "Decoupled weight decay regularization"): of kernels only, and
    multiplied by the learning rate of the step. Muon (Jordan 2024) orthogonalises the momentum of the linear layers'
    kernels; its steps are scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training",
    equation 4), and Adam with the same learning rate takes care of everything else.
    """
    rate = schedule(config, steps)
    decay, momentum = config.weight_decay, config.momentum
    if config.optimizer == "sgd":
        return optax.chain(
            optax.trace(momentum, nesterov=config.nesterov) if momentum else optax.identity(),
            optax.add_decayed_weights(decay, _kernels) if decay else optax.identity(),
            optax.scale_by_learning_rate(rate),
        )
    if config.optimizer == "adam":
        return optax.adam(rate, b1=momentum)
    if config.optimizer == "adamw":
        return optax.adamw(rate, b1=momentum, weight_decay=decay, mask=_kernels)
    return contrib.muon(rate, beta=momentum, weight_decay=decay, adam_b1=momentum, consistent_rms=0.2)


def _kernels(params: optax.Params) -> optax.Params:
    """Mark what decays: kernels have two axes or more, biases one."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
