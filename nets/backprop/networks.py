"""The full gradients of the classifiers, composed by hand from the rules of their layers; no autodiff here.

Forward, every layer stores its input. Backward, from the loss to the pixels, each rule of `nets.backprop.layers` maps
the gradient at its output to the gradient at its input, and stores that of its parameters. Parameter trees are those of
the Flax modules `nets.models.mlp.MLP` and `nets.models.conv_net.ConvNet` as pure dictionaries, so that the two compare
leaf by leaf::

    graphdef, state = nnx.split(MLP((64,), 10, rngs=nnx.Rngs(0)))
    mlp_gradient(nnx.to_pure_dict(state), x, labels)
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from nets.backprop import validate
from nets.backprop.layers import (
    LayerGradient,
    conv,
    conv_vjp,
    linear,
    linear_vjp,
    relu,
    relu_vjp,
    softmax_cross_entropy_gradient,
)

Params = Mapping[Any, Any]
Residuals = list[tuple[jnp.ndarray, jnp.ndarray]]
"""What a stack of layers stores for the backward pass: the input of each layer and its output before ReLU."""


def mlp_gradient(params: Params, x: Any, labels: Any) -> Params:
    """Return dL/dparams of `nets.models.mlp.MLP` with the mean softmax cross-entropy over a batch.

    Parameters
    ----------
    params
        ``{"hidden": {0: {"kernel", "bias"}, 1: ...}, "logits": {"kernel", "bias"}}``, kernels (inputs, outputs) as
        with ``nnx.Linear``; those of a training run are transposed (`nets.models.linear_layers`).
    x
        Inputs of shape (N, M) or (N, ...); all axes after N are flattened.
    labels
        Integers of shape (N,).

    Raises
    ------
    ValueError
        If a name or shape does not fit, ``params`` or ``x`` are not finite floats, or a label has no logit.
    """
    gradient, _ = mlp_gradients(params, x, labels)
    return gradient


def mlp_gradients(params: Params, x: Any, labels: Any) -> tuple[Params, jnp.ndarray]:
    """Return dL/dparams as `mlp_gradient` does, and dL/dx in the shape of ``x``."""
    _names(params, {"hidden", "logits"})
    x = validate.as_array("x", x)
    last = params["logits"]
    z, residuals = stack(linear, params["hidden"], jnp.reshape(x, (len(x), -1)))  # (N, width)
    logits = linear(z, last["kernel"], last["bias"])  # (N, K)
    dlogits = softmax_cross_entropy_gradient(logits, labels)  # (N, K)
    dz, kernel, bias = linear_vjp(z, last["kernel"], dlogits)
    dx, hidden = stack_vjp(linear_vjp, params["hidden"], residuals, dz)
    return {"hidden": hidden, "logits": {"kernel": kernel, "bias": bias}}, jnp.reshape(dx, x.shape)


def conv_net_gradient(params: Params, images: Any, labels: Any) -> Params:
    """Return dL/dparams of `nets.models.conv_net.ConvNet` with the mean softmax cross-entropy over a batch.

    ``params`` is ``{"conv": {0: {"kernel", "bias"}, ...}, "head": params of the MLP}``, ``images`` (N, height, width,
    channels), ``labels`` integers (N,). Raises ValueError as in `mlp_gradient`.
    """
    _names(params, {"conv", "head"})
    z, residuals = stack(conv, params["conv"], images)  # (N, height, width, channels), 2 pixels less for each layer
    head, dz = mlp_gradients(params["head"], z, labels)
    _, gradient = stack_vjp(conv_vjp, params["conv"], residuals, dz)
    return {"conv": gradient, "head": head}


def stack(layer: Callable[..., jnp.ndarray], params: Params, x: Any) -> tuple[jnp.ndarray, Residuals]:
    """Return ``x`` after one ``layer`` and ReLU for each of ``params``, and the residuals for the backward pass."""
    residuals = []
    for i in range(len(params)):
        a = layer(x, params[i]["kernel"], params[i]["bias"])
        residuals.append((x, a))
        x = relu(a)
    return x, residuals


def stack_vjp(
    layer_vjp: Callable[..., LayerGradient], params: Params, residuals: Residuals, dy: jnp.ndarray
) -> tuple[jnp.ndarray, Params]:
    """Return the gradients of the input and the ``params`` of a `stack` from ``dy``, the gradient of its output."""
    gradient = {}
    for i in reversed(range(len(params))):
        x, a = residuals[i]
        da = relu_vjp(a, dy)
        dy, kernel, bias = layer_vjp(x, params[i]["kernel"], da)
        gradient[i] = {"kernel": kernel, "bias": bias}
    return dy, gradient


def _names(params: Any, names: set[str]) -> None:
    if not isinstance(params, Mapping) or set(params) != names:
        keys = list(params) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"`params` must be a mapping with the keys {sorted(names)} and no other, got {keys}.")
