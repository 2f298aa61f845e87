"""A convolution as one matrix product of patches ("im2col"; Chellapilla, Puri & Simard 2006).

Differentiated by JAX, ``lax.conv_general_dilated`` gives convolutions with permuted dimensions, and inside a loop XLA's
CPU backend runs those naively (jax-ml/jax#12868). The gradients of a matrix product are matrix products, fast on every
device, and every transformation of JAX works on them. The price is memory: the patches are P Q times the input.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def valid_convolution(
    x: jax.Array, kernel: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any
) -> jax.Array:
    """Return the valid convolution of ``x`` (N, I, J, C) with ``kernel`` (P, Q, C, D): (N, I - P + 1, J - Q + 1, D).

    To be given to ``nnx.Conv`` as ``conv_general_dilated``; ValueError if the layer has strides, padding, dilation or
    groups.
    """
    spread = {*window_strides, *(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())}
    if spread != {1} or padding != "VALID" or options.get("feature_group_count", 1) != 1:
        raise ValueError("`valid_convolution` has no strides, padding, dilation or groups; use Flax's default instead.")
    P, Q, C, D = kernel.shape
    rows, columns = x.shape[1] - P + 1, x.shape[2] - Q + 1
    shifted = [x[:, p : p + rows, q : q + columns] for p in range(P) for q in range(Q)]
    patches = jnp.concatenate(shifted, axis=3)  # (N, rows, columns, P Q C)
    return patches @ kernel.reshape(P * Q * C, D)
