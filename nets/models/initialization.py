"""Initializers of the parameters of a layer."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nets.models import Initialization


def initializers(initialization: Initialization, fan_in: int) -> dict[str, Any]:
    """Return the arguments ``kernel_init`` and ``bias_init`` of a Flax layer.

    ``lecun-normal``: kernels from a normal truncated at two sds with variance 1 / fan_in, biases 0 (Flax's default;
    LeCun et al. 1998, "Efficient BackProp", section 4.6). ``fan-in-uniform``: kernels and biases uniform in +-1 /
    sqrt(fan_in) (PyTorch's default). ``fan_in`` is the number of inputs of one unit. ValueError for anything else.
    """
    if initialization == "lecun-normal":
        return {"kernel_init": nnx.initializers.lecun_normal(), "bias_init": nnx.initializers.zeros}
    if initialization != "fan-in-uniform":
        raise ValueError(f"`initialization` must be 'lecun-normal' or 'fan-in-uniform', got {initialization!r}.")
    bound = fan_in**-0.5

    def uniform(key: jax.Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound, out_sharding=out_sharding)

    return {"kernel_init": uniform, "bias_init": uniform}
