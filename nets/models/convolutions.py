"""The convolution of the networks, in three implementations.

`im2col_convolution` is one matrix product of patches ("im2col"; Chellapilla, Puri & Simard 2006). The gradients of a
matrix product are matrix products, and every JAX transformation works on them. A patch of one output pixel has P Q C
numbers, so the patches are P Q times as large as the image. From 3 to 12 channels this copy costs more than the
product. Here a patch covers b adjacent output pixels: it has P rows of b + Q - 1 pixels. Its matrix holds b copies of
the kernel, each shifted by one pixel. The patches are smaller by a factor of b Q / (b + Q - 1) and contiguous over
longer runs; in return the product multiplies the zeros of the matrix too.

`xla_convolution` is XLA's own. Its derivative in JAX has convolutions with permuted dimensions, and inside a loop XLA's
CPU backend runs those naively (jax-ml/jax#12868). Here both gradients are written as ordinary convolutions.

`native_convolution` is XLA's own with JAX's derivative, for TPUs.

Forward and gradients of 3 x 3 kernels in a loop by the first two, batch 128, in ms of processor time on two cores (the
first layer has no gradient for the image)::

    channels   pixels    b = 1   b <= 8      XLA
     3 -> 12   32 x 32     9.0      5.9     11.3
     8 -> 16   32 x 32    36.3     24.5     16.1
    16 -> 32   30 x 30    63.2     54.5     29.4

A TPU multiplies 128 x 128 matrices, to which the patches of few channels are padded; its own convolution needs 2.7 to
3.3 times fewer operations. On an NVIDIA H100 the patches are faster. A training step of 128 images in microseconds,
in float32, measured once (``python -m benchmarks.accelerator`` compares both for 12 channels)::

    channels        patches   native
    12                  379      408
    16, 32              721      754
    12, 4 members      1070     1262

cuDNN sums the gradient of the kernel in an order that varies, so native training is not reproducible there.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from nets.models.linear_layers import bfloat16_product

type Matmul = Callable[[jax.Array, jax.Array], jax.Array]
"""Multiplies a matrix (n, k) by a matrix (k, m)."""

MAX_PATCH_PIXELS = 8
"""Largest number of output pixels b of a patch: with 1, 2, 3, 5, 6, 10, 15 and 30 pixels the first layer above took
9.0, 6.5, 6.7, 6.6, 5.9, 7.0, 8.2 and 10.6 ms."""
MAX_IM2COL_CHANNELS = 4
"""Largest number of input channels for im2col on a CPU: with more, XLA's convolution is faster."""
DIMENSION_NUMBERS = ("NHWC", "HWIO", "NHWC")


def im2col_convolution(
    x: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: Any,
    *,
    matmul: Matmul = jnp.matmul,
    **options: Any,
) -> jax.Array:
    """Return the valid convolution of ``x`` (N, I, J, C) with ``kernel`` (P, Q, C, D): (N, I - P + 1, J - Q + 1, D).

    It is for ``nnx.Conv(conv_general_dilated=...)``. ``matmul`` multiplies two matrices. Raises ValueError if the layer
    has strides, padding, dilation or groups.
    """
    _require_supported(window_strides, padding, options)
    P, Q, C, D = kernel.shape
    N, rows, columns = x.shape[0], x.shape[1] - P + 1, x.shape[2] - Q + 1
    b = max(b for b in range(1, MAX_PATCH_PIXELS + 1) if columns % b == 0)
    width = b + Q - 1
    starts = [x[:, :, j : j + width].reshape(N, -1, 1, width * C) for j in range(0, columns, b)]
    stripes = jnp.concatenate(starts, axis=2)  # (N, I, columns / b, width C)
    patches = jnp.concatenate([stripes[:, p : p + rows] for p in range(P)], axis=3)  # (N, rows, columns / b, P width C)
    # matrix[p, v, c, w, d] = kernel[p, v - w, c, d]: output pixel w reads the P x Q pixels from column w on
    band = jnp.stack([jnp.eye(width, b, k=-q, dtype=kernel.dtype) for q in range(Q)])  # (Q, width, b)
    matrix = jnp.einsum("qvw,pqcd->pvcwd", band, kernel, precision="highest").reshape(P * width * C, b * D)
    return matmul(patches.reshape(-1, P * width * C), matrix).reshape(N, rows, columns, D)


def xla_convolution(
    x: jax.Array, kernel: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any
) -> jax.Array:
    """Return the same as `im2col_convolution`. It has reverse mode only: ``jax.jvp`` raises TypeError."""
    _require_supported(window_strides, padding, options)
    return _xla(x, kernel)


@jax.custom_vjp
def _xla(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=DIMENSION_NUMBERS)


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _xla(x, kernel), (x, kernel)


def _backward(residuals: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    P, Q = kernel.shape[:2]
    # dx[n, i, j, c] = sum_pqd dy[n, i - p, j - q, d] kernel[p, q, c, d]
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)  # (P, Q, D, C)
    padding = [(P - 1, P - 1), (Q - 1, Q - 1)]
    dx = lax.conv_general_dilated(dy, flipped, (1, 1), padding, dimension_numbers=DIMENSION_NUMBERS)
    # dkernel[p, q, c, d] = sum_nij x[n, i + p, j + q, c] dy[n, i, j, d]: n, the batch, takes the place of the channels
    dkernel = _xla(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3))  # (C, P, Q, D)
    return dx, dkernel.transpose(1, 2, 0, 3)


_xla.defvjp(_forward, _backward)


def training_convolution(bfloat16: bool, vmapped: bool) -> Callable[..., jax.Array]:
    """Return the implementation for training, for ``nnx.Conv(conv_general_dilated=...)``, by the device it runs on.

    On a CPU it is `im2col_convolution` or `xla_convolution`, whichever is faster, on a TPU `native_convolution`, and on
    a GPU `im2col_convolution`. With ``bfloat16`` the factors are rounded to it. On a CPU this is no faster, so
    convolutions stay in float32 there. Networks ``vmapped`` over ensemble members have one kernel each, for which XLA's
    convolution has no batch axis.
    """
    on_cpu = im2col_convolution if vmapped else _convolution_by_channels
    on_tpu = partial(native_convolution, bfloat16=bfloat16)
    on_gpu = partial(im2col_convolution, matmul=_bfloat16_matmul) if bfloat16 else im2col_convolution

    def convolution(x: jax.Array, kernel: jax.Array, *layer: Any, **options: Any) -> jax.Array:
        def of_layer(implementation: Callable[..., jax.Array]) -> Callable[[jax.Array, jax.Array], jax.Array]:
            return lambda x, kernel: implementation(x, kernel, *layer, **options)

        return lax.platform_dependent(x, kernel, cpu=of_layer(on_cpu), tpu=of_layer(on_tpu), default=of_layer(on_gpu))

    return convolution


def _bfloat16_matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    return bfloat16_product(a, b.T)


def native_convolution(
    x: jax.Array, kernel: jax.Array, window_strides: Sequence[int], padding: Any, *, bfloat16: bool, **options: Any
) -> jax.Array:
    """Return the same as `im2col_convolution`, by XLA's convolution and JAX's derivative of it.

    With ``bfloat16`` factors and results are rounded to it. Sums are in float32.
    """
    _require_supported(window_strides, padding, options)
    if bfloat16:
        x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    y = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=DIMENSION_NUMBERS)
    return y.astype(jnp.float32)


def _convolution_by_channels(x: jax.Array, kernel: jax.Array, *layer: Any, **options: Any) -> jax.Array:
    convolution = im2col_convolution if kernel.shape[2] <= MAX_IM2COL_CHANNELS else xla_convolution
    return convolution(x, kernel, *layer, **options)


def _require_supported(window_strides: Sequence[int], padding: Any, options: dict[str, Any]) -> None:
    """Raise ValueError unless a layer of Flax has neither strides, padding, dilation nor groups."""
    factors = {*window_strides, *(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())}
    if factors != {1} or padding != "VALID" or options.get("feature_group_count", 1) != 1:
        raise ValueError("this convolution has no strides, padding, dilation or groups; use Flax's default instead.")
