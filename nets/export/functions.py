"""The trained network of a run as a function from bytes to logits."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from nets.training.runs import Run
from nets.training.step import scale_images


def network_function(run: Run) -> Callable[[jax.Array], jax.Array]:
    """Return the function from images (N, height, width, channels) uint8 to logits (N, K) float32.

    The parameters are constants of the function. The logits of an ensemble are the logarithm of its predictive, as in
    `Run.logits`. Raises ValueError if the run has no readable checkpoint.
    """
    module, params = run.network, run.params

    def logits(params: dict, images: jax.Array) -> jax.Array:
        return nnx.merge(module, params)(scale_images(images)).astype(jnp.float32)  # (N, K)

    if run.config.members == 1:
        return lambda images: logits(params, images)

    def ensemble_logits(images: jax.Array) -> jax.Array:
        # log((1 / M) sum_m softmax(z_m))
        log_p = jax.nn.log_softmax(jax.vmap(logits, in_axes=(0, None))(params, images), axis=2)  # (M, N, K)
        return jax.nn.logsumexp(log_p, axis=0) - jnp.log(jnp.float32(len(log_p)))

    return ensemble_logits
