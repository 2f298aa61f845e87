r"""The gradients of a network with one hidden layer, derived by the chain rule; no automatic differentiation here.

The network
-----------
M inputs, H hidden units, one output, a label y in {0, 1}::

    a1 = W1 x + b1           W1 (H, M), b1 (H,)
    z1 = sigmoid(a1)
    a2 = W2 z1 + b2          W2 (1, H), b2 (1,)
    yhat = sigmoid(a2)       the probability of y = 1
    L = -(y log yhat + (1 - y) log(1 - yhat))        binary cross-entropy, in nats

The loss of N points is the mean of their losses. Biases are separate from weights, and neither has an axis for the
points: a batch x is (N, M), and the bias of a unit is added to each row.

The derivation, for one point
-----------------------------
The sigmoid's slope in terms of its value::

    d sigmoid / da = exp(-a) / (1 + exp(-a))^2 = z (1 - z)      with z = sigmoid(a), 1 - z = sigmoid(-a)

From the loss back to the logit of the output. Both fractions of dL/dyhat cancel here. So the gradient of sigmoid and
cross-entropy together does not vanish where the network is confidently wrong::

    dL/dyhat = -y / yhat + (1 - y) / (1 - yhat)
    dL/da2   = dL/dyhat * yhat (1 - yhat)
             = -y (1 - yhat) + (1 - y) yhat                     each fraction loses its denominator
             = yhat - y                                         y yhat cancels

The code computes the second line. For a label of 0 or 1 it is a single term. It keeps every digit even where yhat is so
close to y that their difference has none. Then, with the indices h = 1 .. H and m = 1 .. M::

    dL/db2       = dL/da2                                       da2/db2 = 1
    dL/dW2^h     = dL/da2 z1^h                                  da2/dW2^h = z1^h
    dL/dz1^h     = dL/da2 W2^h                                  da2/dz1^h = W2^h
    dL/da1^h     = dL/dz1^h z1^h (1 - z1^h)
    dL/db1^h     = dL/da1^h                                     da1^h/db1^h = 1
    dL/dW1^{h,m} = dL/da1^h x^m                                 da1^h/dW1^{h,m} = x^m

For a batch, every line is averaged over the points. A product of a column and a row becomes a matrix product that sums
over the points.

The loss from the logit
-----------------------
In float64, yhat rounds to 1 from a2 = 37 on, and it is 0 below -709, where XLA has no subnormal numbers. Then one of
the logarithms is infinite. The loss does not need it::

    log yhat       = log sigmoid(a2)  = -log(1 + exp(-a2))
    log (1 - yhat) = log sigmoid(-a2) = -log(1 + exp(a2))
    L = y log(1 + exp(-a2)) + (1 - y) log(1 + exp(a2))
      = log(1 + exp((1 - 2 y) a2))                              for y = 0 and y = 1, one term remains

``logaddexp(0, .)`` evaluates the last line to full precision. A result below the smallest normal number becomes 0.
`textbook_loss` is the definition itself. It is holomorphic, and ``logaddexp`` is not, so the complex step uses it.

Second order
------------
Differentiate every line along a direction v = (V1, c1, V2, c2) of the parameters, with R{.} = d/dr at r = 0 for
params + r v. This gives the Hessian-vector product at the price of two gradients::

    R{a1} = V1 x + c1           R{z1} = z1 (1 - z1) R{a1}
    R{a2} = W2 R{z1} + V2 z1 + c2           R{yhat} = yhat (1 - yhat) R{a2}
    R{dL/da2} = R{yhat}
    R{dL/dz1} = R{dL/da2} W2 + dL/da2 V2
    R{dL/da1} = R{dL/dz1} z1 (1 - z1) + dL/dz1 (1 - 2 z1) R{z1}

References
----------
Rumelhart, D. E., Hinton, G. E., Williams, R. J. (1986). Learning representations by back-propagating errors.
Nature 323, 533-536. Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural Computation 6,
147-160.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from nets.backprop import validate

Params = Mapping[str, Any]
"""``{"W1": (H, M), "b1": (H,), "W2": (1, H), "b2": (1,)}``, floats."""

SHAPES = {"W1": "HM", "b1": "H", "W2": "1H", "b2": "1"}


class Activations(NamedTuple):
    """The activations of the network for one point; for a batch every shape begins with N."""

    a1: jnp.ndarray
    """(H,)"""
    z1: jnp.ndarray
    """(H,)"""
    a2: jnp.ndarray
    """(1,)"""
    yhat: jnp.ndarray
    """(1,)"""


def sigmoid(a: Any) -> jnp.ndarray:
    """Return 1 / (1 + exp(-a)), with a relative error of a few units in the last place if it is a normal number.

    For a < 0 it is written exp(a) / (1 + exp(a)), so that nothing overflows. Its derivative by `jax.grad` keeps its
    digits too. That of `jax.nn.sigmoid` is computed as z (1 - z), and at a = 30 has three correct digits.

    Examples
    --------
    >>> import jax
    >>> with jax.enable_x64(True):
    ...     print(jax.grad(sigmoid)(30.0), jax.grad(jax.nn.sigmoid)(30.0))
    9.35762296883...e-14 9.3480778673429...e-14
    """
    e = jnp.exp(jnp.where(a < 0, a, -a))
    return jnp.where(a < 0, e, 1) / (1 + e)


def forward(params: Params, x: Any) -> Activations:
    """Return the activations for one point, ``x`` of shape (M,), or a batch, (N, M).

    Raises
    ------
    ValueError
        If a shape does not fit, or ``params`` or ``x`` are not finite floating-point numbers.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> params = {"W1": jnp.zeros((3, 2)), "b1": jnp.zeros(3), "W2": jnp.zeros((1, 3)), "b2": jnp.zeros(1)}
    >>> forward(params, jnp.ones((5, 2))).z1.shape
    (5, 3)
    """
    W1, b1, W2, b2, x = _checked(params, x)
    a1 = _plus_bias(x @ W1.T, b1)  # (H,) or (N, H)
    z1 = sigmoid(a1)
    a2 = _plus_bias(z1 @ W2.T, b2)  # (1,) or (N, 1)
    return Activations(a1, z1, a2, sigmoid(a2))


def loss(params: Params, x: Any, y: Any) -> jnp.ndarray:
    """Return the binary cross-entropy in nats, of one point (``y`` a number) or the mean over a batch (``y`` (N,)).

    From the logit, as derived above: finite and accurate for any logit. Labels must be 0 or 1. Raises ValueError as in
    `forward`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> params = {"W1": jnp.zeros((3, 2)), "b1": jnp.zeros(3), "W2": jnp.zeros((1, 3)), "b2": jnp.full(1, -500.0)}
    >>> print(loss(params, jnp.ones(2), 1), textbook_loss(params, jnp.ones(2), 1))
    500.0 inf
    """
    a2 = forward(params, x).a2
    y = _labels(y, a2)
    # log(1 + exp((1 - 2 y) a2))
    return jnp.mean(jnp.logaddexp(0, (1 - 2 * y) * a2))


def textbook_loss(params: Params, x: Any, y: Any) -> jnp.ndarray:
    """Return the same loss as it is defined: holomorphic in ``params``, infinite or nan where yhat rounds to 0 or 1.

    ``params`` may be complex, for the complex step, and are not validated.
    """
    z1 = 1 / (1 + jnp.exp(-_plus_bias(x @ params["W1"].T, params["b1"])))
    yhat = 1 / (1 + jnp.exp(-_plus_bias(z1 @ params["W2"].T, params["b2"])))
    y = _labels(y, yhat)
    return -jnp.mean(y * jnp.log(yhat) + (1 - y) * jnp.log(1 - yhat))


def point_gradient(params: Params, x: Any, y: Any) -> dict[str, jnp.ndarray]:
    """Return dL/dparams for one point: ``x`` of shape (M,), ``y`` 0 or 1. Errors are as in `forward` and `loss`."""
    _, _, W2, _, x = _checked(params, x, "M")
    a1, z1, a2, yhat = forward(params, x)
    y = _labels(y, a2)
    # dL/da2 = -y (1 - yhat) + (1 - y) yhat = yhat - y
    da2 = -y * sigmoid(-a2) + (1 - y) * yhat  # (1,)
    db2 = da2  # (1,)
    dW2 = jnp.outer(da2, z1)  # (1, H)
    dz1 = W2.T @ da2  # (H,)
    # dL/da1 = dL/dz1 z1 (1 - z1)
    da1 = dz1 * z1 * sigmoid(-a1)  # (H,)
    db1 = da1  # (H,)
    dW1 = jnp.outer(da1, x)  # (H, M)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def gradient(params: Params, x: Any, y: Any) -> dict[str, jnp.ndarray]:
    """Return dL/dparams for a batch: ``x`` of shape (N, M), ``y`` (N,). Errors are as in `forward` and `loss`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> params = {"W1": jnp.ones((3, 2)), "b1": jnp.zeros(3), "W2": jnp.ones((1, 3)), "b2": jnp.zeros(1)}
    >>> x, y = jnp.array([[0.0, 1.0], [1.0, -1.0]]), jnp.array([0, 1])
    >>> print(gradient(params, x, y)["b2"].round(5), jax.grad(loss)(params, x, y)["b2"].round(5))
    [0.3586] [0.3586]
    """
    _, _, W2, _, x = _checked(params, x, "NM")
    a1, z1, a2, yhat = forward(params, x)
    y, N = _labels(y, a2), len(x)
    # dL/da2 = (-y (1 - yhat) + (1 - y) yhat) / N = (yhat - y) / N
    da2 = (-y * sigmoid(-a2) + (1 - y) * yhat) / N  # (N, 1)
    db2 = jnp.sum(da2, axis=0)  # (1,)
    dW2 = da2.T @ z1  # (1, H)
    dz1 = da2 @ W2  # (N, H)
    # dL/da1 = dL/dz1 z1 (1 - z1)
    da1 = dz1 * z1 * sigmoid(-a1)  # (N, H)
    db1 = jnp.sum(da1, axis=0)  # (H,)
    dW1 = da1.T @ x  # (H, M)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def hessian_vector_product(params: Params, v: Params, x: Any, y: Any) -> dict[str, jnp.ndarray]:
    """Return the Hessian of the batch loss times ``v``, a direction with the shapes of ``params``; it is never formed.

    Raises ValueError as `gradient` does, and if ``v`` does not have the shapes of ``params``.
    """
    W1, _, W2, _, x = _checked(params, x, "NM")
    V1, c1, V2, c2 = validate.params("v", v, SHAPES, {"H": len(W1), "M": x.shape[1]})
    a1, z1, a2, yhat = forward(params, x)
    y, N = _labels(y, a2), len(x)
    da2 = (-y * sigmoid(-a2) + (1 - y) * yhat) / N  # (N, 1)
    dz1 = da2 @ W2  # (N, H)
    # R{z1} = z1 (1 - z1) R{a1},  R{dL/da2} = R{yhat} = yhat (1 - yhat) R{a2}
    Ra1 = _plus_bias(x @ V1.T, c1)  # (N, H)
    Rz1 = z1 * sigmoid(-a1) * Ra1  # (N, H)
    Ra2 = _plus_bias(Rz1 @ W2.T + z1 @ V2.T, c2)  # (N, 1)
    Rda2 = yhat * sigmoid(-a2) * Ra2 / N  # (N, 1)
    # R{dL/dz1} = R{dL/da2} W2 + dL/da2 V2
    Rdz1 = Rda2 @ W2 + da2 @ V2  # (N, H)
    # R{dL/da1} = R{dL/dz1} z1 (1 - z1) + dL/dz1 (1 - 2 z1) R{z1}
    Rda1 = Rdz1 * z1 * sigmoid(-a1) + dz1 * (1 - 2 * z1) * Rz1  # (N, H)
    return {
        "W1": Rda1.T @ x,
        "b1": jnp.sum(Rda1, axis=0),
        "W2": Rda2.T @ z1 + da2.T @ Rz1,
        "b2": jnp.sum(Rda2, axis=0),
    }


def shapes(params: Params, x: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of every input, parameter and intermediate, read from the arrays of the network.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> params = {"W1": jnp.zeros((3, 2)), "b1": jnp.zeros(3), "W2": jnp.zeros((1, 3)), "b2": jnp.zeros(1)}
    >>> shapes(params, jnp.ones((5, 2)))["a2"], shapes(params, jnp.ones(2))["a2"]
    ((5, 1), (1,))
    """
    W1, b1, W2, b2, x = _checked(params, x)
    a1, z1, a2, yhat = forward(params, x)
    arrays = {"x": x, "W1": W1, "b1": b1, "a1": a1, "z1": z1, "W2": W2, "b2": b2, "a2": a2, "yhat": yhat}
    return {name: array.shape for name, array in arrays.items()}


def _checked(params: Params, x: Any, shape: str = "") -> list[jnp.ndarray]:
    """Return W1, b1, W2, b2 and x as arrays that fit together; without ``shape``, x is a point or a batch."""
    sizes: dict[str, int] = {}
    arrays = validate.params("params", params, SHAPES, sizes)
    x = validate.as_array("x", x)
    return [*arrays, validate.array("x", x, shape or "NM"[-x.ndim :], sizes)]


def _labels(y: Any, like: jnp.ndarray) -> jnp.ndarray:
    """Return labels as an array of the shape of the output: (1,), or (N, 1) from (N,)."""
    shape, sizes = ("", {}) if like.ndim == 1 else ("N", {"N": like.shape[0]})
    return jnp.reshape(validate.binary_labels(y, shape, sizes, like.real.dtype), like.shape)


def _plus_bias(a: jnp.ndarray, b: jnp.ndarray) -> jnp.ndarray:
    """Add a bias, which has no axis for the points, to every point."""
    return a + jnp.broadcast_to(b, a.shape)
