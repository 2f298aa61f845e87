"""Deep ensembles: networks of one configuration and several seeds, trained in parallel.

The predictive distribution of an ensemble is the mean of its members' predictives (Lakshminarayanan et al. 2017,
"Simple and scalable predictive uncertainty estimation using deep ensembles", section 2.4), as a posterior predictive is
the mean over the posterior of the parameters. The predictive of one network is a plug-in.
"""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import log_softmax, logsumexp

from nets.training.config import TrainConfig
from nets.training.networks import build_network
from nets.training.step import TrainState, init_train_state


def init_ensemble_state(
    config: TrainConfig, image_shape: tuple[int, int, int], classes: int, optimizer: optax.GradientTransformation
) -> TrainState:
    """Return the train state before the first step: of one network, or of an ensemble with its members stacked."""

    def initial_state(seed: int | jax.Array) -> TrainState:
        return init_train_state(build_network(config, image_shape, classes, seed), optimizer, seed)

    if config.members == 1:
        return initial_state(config.seed)
    state = jax.vmap(initial_state)(jnp.array(config.seeds, jnp.uint32))
    return replace(state, step=state.step[0])


def ensemble_logits(logits: np.ndarray) -> np.ndarray:
    """Return the logits (N, K) of the predictive, from logits (M, N, K) of M members or (N, K) of one network.

    For members they are log((1 / M) sum_m softmax(z_m)); those of one network are returned unchanged.
    """
    if logits.ndim == 2:
        return logits
    return (logsumexp(log_softmax(logits.astype(np.float64), axis=2), axis=0) - np.log(len(logits))).astype("f")


def predictive_logits(logits: jax.Array) -> jax.Array:
    """Return the same as `ensemble_logits` on the device, in float32; it can be traced."""
    if logits.ndim == 2:
        return logits
    return jax.nn.logsumexp(jax.nn.log_softmax(logits), axis=0) - math.log(len(logits))
