r"""The rules of back-propagation for the layers of a classifier, derived by hand; no automatic differentiation here.

Every layer y = layer(x, ...) comes with its vector-Jacobian product (VJP): a function that maps dL/dy, written ``dy``,
to dL/dx and to the gradients of its parameters. `nets.backprop.networks` composes them. Parameters have
the names and layouts of Flax: a linear kernel is (inputs, outputs), a convolution's (3, 3, C, D), images are NHWC.

Linear layer, y_nk = sum_m x_nm W_mk + b_k
------------------------------------------
::

    dL/dx_nm = sum_k dL/dy_nk W_mk              dx = dy W^T
    dL/dW_mk = sum_n x_nm dL/dy_nk              dW = x^T dy
    dL/db_k  = sum_n dL/dy_nk                   one bias serves all points

ReLU, y = max(x, 0)
-------------------
::

    dL/dx = dL/dy where x > 0, else 0           0 at the kink, as in Flax

Convolution, "valid": no padding, so that (I, J) pixels become (I - 2, J - 2)
-----------------------------------------------------------------------------
::

    y_nijd = b_d + sum_{p,q,c} K_pqcd x_{n,i+p,j+q,c}           p, q in 0 .. 2

For each of the 9 offsets (p, q) this is a linear layer on the image shifted by them, and so is its VJP::

    dL/dK_pqcd = sum_{n,i,j} x_{n,i+p,j+q,c} dL/dy_nijd         x^T dy of the shifted image
    dL/dx_{n,i+p,j+q,c} gains sum_d dL/dy_nijd K_pqcd           dy K_pq^T, added at the shifted places
    dL/db_d    = sum_{n,i,j} dL/dy_nijd                         one bias serves all points and places

Softmax cross-entropy, L = -(1/N) sum_n log p_{n,label_n} with p_nk = exp(y_nk) / sum_j exp(y_nj)
-------------------------------------------------------------------------------------------------
::

    L = (1/N) sum_n (log sum_j exp(y_nj) - y_{n,label_n})
    dL/dy_nk = (exp(y_nk) / sum_j exp(y_nj) - [k = label_n]) / N = (p_nk - [k = label_n]) / N

References
----------
Goodfellow, I., Bengio, Y., Courville, A. (2016). Deep Learning. MIT Press. Sections 6.2.2 (softmax), 6.5
(back-propagation) and 9.5 (convolution, equations 9.9 to 9.13).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from nets.backprop import validate


class LayerGradient(NamedTuple):
    """The gradients of a layer with parameters: of its input, kernel and bias, with their shapes."""

    x: jnp.ndarray
    kernel: jnp.ndarray
    bias: jnp.ndarray


def linear(x: Any, kernel: Any, bias: Any) -> jnp.ndarray:
    """Return x W + b: ``x`` (N, M), ``kernel`` (M, K), ``bias`` (K,) -> (N, K). Raises ValueError if shapes differ."""
    x, kernel, bias = validate.arrays(x=(x, "NM"), kernel=(kernel, "MK"), bias=(bias, "K"))
    return x @ kernel + jnp.broadcast_to(bias, (len(x), len(bias)))


def linear_vjp(x: Any, kernel: Any, dy: Any) -> LayerGradient:
    """Return the gradients of a linear layer from ``dy``, dL/dy of shape (N, K)."""
    x, kernel, dy = validate.arrays(x=(x, "NM"), kernel=(kernel, "MK"), dy=(dy, "NK"))
    return LayerGradient(x=dy @ kernel.T, kernel=x.T @ dy, bias=jnp.sum(dy, axis=0))


def relu(x: jnp.ndarray) -> jnp.ndarray:
    """Return max(x, 0)."""
    return jnp.maximum(x, 0)


def relu_vjp(x: jnp.ndarray, dy: jnp.ndarray) -> jnp.ndarray:
    """Return the gradient of `relu` at its input ``x`` from ``dy``, which has the shape of ``x``."""
    return jnp.where(x > 0, dy, 0)


def conv(x: Any, kernel: Any, bias: Any) -> jnp.ndarray:
    """Return the valid convolution of ``x`` (N, I, J, C) with ``kernel`` (3, 3, C, D) -> (N, I - 2, J - 2, D).

    As everywhere in deep learning the kernel is not flipped, and the images are at least 3 pixels high and wide.
    Raises ValueError if shapes do not fit.
    """
    x, kernel, bias = validate.arrays(x=(x, "NIJC"), kernel=(kernel, "33CD"), bias=(bias, "D"))
    rows, columns = _output_size(x)
    y = sum(x[:, p : p + rows, q : q + columns] @ kernel[p, q] for p in range(3) for q in range(3))
    return y + jnp.broadcast_to(bias, (len(x), rows, columns, len(bias)))


def conv_vjp(x: Any, kernel: Any, dy: Any) -> LayerGradient:
    """Return the gradients of `conv` from ``dy``, dL/dy of shape (N, I - 2, J - 2, D)."""
    x, kernel = validate.arrays(x=(x, "NIJC"), kernel=(kernel, "33CD"))
    rows, columns = _output_size(x)
    (dy,) = validate.arrays({"N": len(x), "I": rows, "J": columns, "D": kernel.shape[3]}, dy=(dy, "NIJD"))
    dx, dkernel = jnp.zeros_like(x), jnp.zeros_like(kernel)
    for p in range(3):
        for q in range(3):
            shifted = x[:, p : p + rows, q : q + columns]  # (N, rows, columns, C)
            dkernel = dkernel.at[p, q].set(jnp.einsum("nijc,nijd->cd", shifted, dy))
            dx = dx.at[:, p : p + rows, q : q + columns].add(dy @ kernel[p, q].T)
    return LayerGradient(x=dx, kernel=dkernel, bias=jnp.sum(dy, axis=(0, 1, 2)))


def softmax_cross_entropy(logits: Any, labels: Any) -> jnp.ndarray:
    """Return the mean of -log p_label in nats: ``logits`` (N, K), integer ``labels`` (N,) in 0 .. K - 1.

    Finite for any finite logits: the largest is subtracted before the exponentials can overflow.
    """
    logits, labels = _logits_and_labels(logits, labels)
    largest = jnp.max(logits, axis=1, keepdims=True)
    log_sum = largest + jnp.log(jnp.sum(jnp.exp(logits - largest), axis=1, keepdims=True))  # (N, 1)
    return jnp.mean(log_sum - jnp.take_along_axis(logits, labels[:, None], axis=1))


def softmax_cross_entropy_gradient(logits: Any, labels: Any) -> jnp.ndarray:
    """Return dL/dlogits, of shape (N, K)."""
    logits, labels = _logits_and_labels(logits, labels)
    N, K = logits.shape
    e = jnp.exp(logits - jnp.max(logits, axis=1, keepdims=True))
    p = e / jnp.sum(e, axis=1, keepdims=True)  # (N, K)
    onehot = labels[:, None] == jnp.arange(K)[None, :]  # (N, K)
    return (p - onehot) / N


def _output_size(x: jnp.ndarray) -> tuple[int, int]:
    """Return the height and width of the output of a 3x3 convolution of the images ``x``."""
    _, rows, columns, _ = x.shape
    if rows < 3 or columns < 3:
        raise ValueError(
            f"`x` must hold images of 3 x 3 pixels or more, got {rows} x {columns}; the window does not fit."
        )
    return rows - 2, columns - 2


def _logits_and_labels(logits: Any, labels: Any) -> tuple[jnp.ndarray, jnp.ndarray]:
    sizes: dict[str, int] = {}
    return validate.array("logits", logits, "NK", sizes), validate.class_labels(labels, sizes)
