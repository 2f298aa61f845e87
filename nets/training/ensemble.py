"""Deep ensembles: networks of one configuration and several seeds, trained side by side, that predict together.

The predictive distribution of an ensemble is the mean of its members' (Lakshminarayanan et al. 2017, "Simple and
scalable predictive uncertainty estimation using deep ensembles", section 2.4), as a posterior predictive is the mean of
what the parameters say over their posterior, while one network is a plug-in.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import log_softmax, logsumexp

from nets.training.config import TrainConfig
from nets.training.step import TrainState, build, initial_state


def initial_states(
    config: TrainConfig, image_shape: tuple[int, int, int], classes: int, optimizer: optax.GradientTransformation
) -> TrainState:
    """Return the state before the first step: of one network, or of the members of an ensemble."""
    states = [
        initial_state(build(replace(config, seed=seed), image_shape, classes), optimizer, seed) for seed in config.seeds
    ]
    if len(states) == 1:
        return states[0]
    return replace(jax.tree.map(lambda *members: jnp.stack(members), *states), step=states[0].step)


def combine(logits: np.ndarray) -> np.ndarray:
    """Return the logits (N, K) of the predictive, given those of M members (M, N, K), or of one network (N, K).

    For members they are log((1 / M) sum_m softmax(z_m)), for one network the same as given.
    """
    if logits.ndim == 2:
        return logits
    return (logsumexp(log_softmax(logits.astype(np.float64), axis=2), axis=0) - np.log(len(logits))).astype("f")
