"""Wrong and right gradients at kinks, zeros, special values and below rounding: a name, f, the point, and grad_fn.

Without grad_fn the gradient is `jax.grad`'s, wrong by a custom rule or right. Points are lists, for float32 and float64.
"""
# ruff: noqa: E501, ARG005 - a line each

import jax
import jax.numpy as jnp
import numpy as np


def with_vjp(f, slope):
    """Return ``f``, elementwise or of a vector, with ``slope(x, dy)`` as its rule."""
    rule = jax.custom_vjp(f)
    rule.defvjp(lambda x: (f(x), x), lambda x, dy: (slope(x, dy),))
    return rule


def with_jvp(f, slope):
    """Return ``f``, elementwise, with the derivative ``slope(x)`` in forward and reverse mode."""
    rule = jax.custom_jvp(f)
    rule.defjvp(lambda primals, tangents: (f(*primals), slope(*primals) * tangents[0]))
    return rule


def total(elementwise):
    return lambda x: jnp.sum(elementwise(x))


def relu(x):
    return jnp.maximum(x, 0.0)


def l1(x):
    return jnp.sum(jnp.abs(x))


def huber(x):
    return jnp.sum(jnp.where(jnp.abs(x) < 1, 0.5 * x**2, jnp.abs(x) - 0.5))


def sinc(x):
    return jnp.where(x == 0, 1.0, jnp.sin(x) / jnp.where(x == 0, 1.0, x))


def sinc_slope(x, at_zero):
    safe = jnp.where(x == 0, 1.0, x)
    return jnp.where(x == 0, at_zero, (jnp.cos(safe) - jnp.sin(safe) / safe) / safe)


def cumprod(x):
    return jnp.sum(jnp.cumprod(x))


def cumprod_by_division(x):
    c = jnp.cumprod(x)
    s = jnp.cumsum(c[::-1])[::-1]
    return jnp.where(x == 0, 0.0, s / jnp.where(x == 0, 1.0, x))


def cumprod_right(x):
    return jnp.stack([jnp.sum(jnp.cumprod(x.at[i].set(1.0))[i:]) for i in range(len(x))])


def penalty(rate, x):
    return jnp.sum(jnp.cos(x)) + rate * l1(x)


def entropy(x):
    return -jnp.sum(jnp.where(x > 0, x * jnp.log(jnp.where(x > 0, x, 1.0)), 0.0))


def stopped(x):
    return jnp.sum(jax.lax.stop_gradient(x) * x)


PIXELS = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [-0.5, 1.0, 2.0]])
"""Three images, of which one is blank."""


def network(activation):
    """Return the loss of a layer on PIXELS, of its bias and kernel in one vector of 8."""

    def f(x):
        bias, kernel = x[:2], x[2:].reshape(3, 2)
        return jnp.sum(activation(PIXELS @ kernel + bias[None, :]) * np.array([1.0, -0.7])[None, :])

    return f


LAYER = [0.0, 0.0, 0.4, -0.3, 0.8, 0.5, -0.6, 0.9]
KINKED = [0.0, 0.5, -0.7]
NEAR_ZERO = with_vjp(jnp.tanh, lambda x, dy: 0 * dy)

WRONG = [
    # A kink beside smooth entries.
    ("stop_gradient beside L1", lambda x: 3 * l1(x) + stopped(x), KINKED, None),
    ("L1 of 0.01 that is 11 % off", lambda x: penalty(0.01, x), KINKED, lambda x: -jnp.sin(x) + 0.0111 * jnp.sign(x)),
    ("L1 without its rate", lambda x: penalty(0.01, x), KINKED, lambda x: -jnp.sin(x) + jnp.sign(x)),
    ("L1 forgotten", lambda x: penalty(0.01, x), KINKED, lambda x: -jnp.sin(x)),
    ("L1 of weights that are all 0, 11 % off", lambda x: 0.01 * l1(x), [0.0, 0.0], lambda x: 0.0111 * jnp.sign(x)),
    ("ReLU of slope 1.1, blank image", network(with_jvp(relu, lambda x: 1.1 * (x > 0))), LAYER, None),
    ("ReLU of slope 1.1, all at the kink", total(with_jvp(relu, lambda x: 1.1 * (x > 0))), [0.0, 0.0], None),
    ("ReLU whose rule passes all", network(with_vjp(relu, lambda x, dy: dy)), LAYER, None),
    ("leaky ReLU, slopes exchanged", total(jax.nn.leaky_relu), KINKED, lambda x: jnp.where(x > 0, 0.01, 1.0)),
    ("ReLU6 not cut at 6", total(jax.nn.relu6), [0.0, 3.0, 7.0], lambda x: 1.0 * (x > 0)),
    ("5 at the kink of |x|", l1, [0.0, 1.0], lambda x: jnp.where(x == 0, 5.0, jnp.sign(x))),
    ("-2 at the kink of |x| alone", l1, [0.0], lambda x: jnp.where(x == 0, -2.0, jnp.sign(x))),
    ("1 for every entry of a tie of max", jnp.max, [1.0, 1.0, 0.5], lambda x: 1.0 * (x == jnp.max(x))),
    ("max, index off by one", jnp.max, [0.0, 2.0, 2.0, 1.0], lambda x: jnp.roll(1.0 * (x == jnp.max(x)), 1)),
    ("the sign of |x| the other way", lambda x: l1(x) + jnp.sum(x**2), KINKED, lambda x: 2 * x - jnp.sign(x)),
    ("kink of hinge, slope not squared", total(lambda x: relu(1 - x) ** 2), [1.0, 0.0], lambda x: -relu(1 - x)),
    ("soft threshold, stopped", lambda x: jnp.sum(jax.lax.stop_gradient(relu(x)) * x), KINKED, None),
    ("norm at 0 beside a wrong rule", lambda x: jnp.sqrt(x[0] ** 2) + x[1] ** 2, [0.0, 1.0], lambda x: jnp.stack([0.0 * x[0], x[1]])),
    ("jax.grad of leaky ReLU after leaky ReLU", lambda x: jnp.sum(jax.nn.leaky_relu(-jax.nn.leaky_relu(x))), [0.0, 1.0], None),
    ("jax.grad of relu(x) - relu(-x)", lambda x: jnp.sum(jax.nn.relu(x) - jax.nn.relu(-x)), [0.0, 1.0], None),
    # No derivative at all.
    ("0 for sum |x| at 0", l1, [0.0, 0.0], lambda x: 0 * x),
    ("0 for the norm at 0", jnp.linalg.norm, [0.0, 0.0, 0.0], lambda x: 0 * x),
    ("nan of the norm at 0", jnp.linalg.norm, [0.0, 0.0], None),
    ("0 for sqrt at 0", lambda x: jnp.sum(jnp.sqrt(x)), [0.0, 1.0], lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(x), 0.0)),
    ("nan of a branch not taken", lambda x: jnp.sum(jnp.where(x > 0, jnp.sqrt(x), x)), [0.0, 2.0], None),
    # Zero where it should not be, and not zero where it should be.
    ("rule of tanh far out returns 0", lambda x: 900.0 + NEAR_ZERO(x[0]), [12.0], None),
    ("rule of exp far out returns 0", total(with_vjp(lambda x: 1 + jnp.exp(x), lambda x, dy: 0 * dy)), [-18.0], None),
    ("rule returns 0 for 1e-6", total(with_vjp(lambda x: 5 + 1e-6 * x, lambda x, dy: 0 * dy)), [1.0, 2.0], None),
    ("1e-9 where f does not depend on x", lambda x: 3.0 + 0 * jnp.sum(x), [1.0, 2.0], lambda x: 1e-9 + 0 * x),
    ("1e-9 for a shift of logits", lambda x: jax.nn.softmax(jnp.arange(3.0) + x[0])[0], [0.3], lambda x: 1e-9 + 0 * x),
    ("half of a gradient of 1e-9 beside 1e3", lambda x: 1e3 + 1e-9 * jnp.sum(x), [1.0, 2.0], lambda x: 5e-10 + 0 * x),
    ("a sign of 1e-12", lambda x: 1e-12 * jnp.sum(x**2), [1.0, 2.0], lambda x: -2e-12 * x),
    ("0 by hand for 1e-13 beside 1", lambda x: 1.0 + 1e-13 * jnp.sum(x), [1.0, 2.0], lambda x: 0 * x),
    ("a rule lost below an offset of 1e10", lambda x: 1e10 + 1e-6 * jnp.sum(x**2), [1.0, 2.0], lambda x: -2e-6 * x),
    # Wrong at the point alone.
    ("cumprod by division at 0", cumprod, [0.0, 2.0, 3.0], cumprod_by_division),
    ("cumprod by division, two zeros", cumprod, [2.0, 0.0, 0.0], lambda x: cumprod_by_division(x) + 0.5),
    ("sinc at 0 has slope 1", total(sinc), [0.0, 1.0], lambda x: sinc_slope(x, 1.0)),
    ("log-sigmoid at 0 has slope 0", total(jax.nn.log_sigmoid), [0.0, 1.0], lambda x: jnp.where(x == 0, 0.0, jax.nn.sigmoid(-x))),
    ("softplus at 0 has slope 1", total(jax.nn.softplus), [0.0, 1.0], lambda x: jnp.where(x >= 0, jnp.where(x == 0, 1.0, jax.nn.sigmoid(x)), 1.0 - jax.nn.sigmoid(-x))),
    ("x^2 at 0 has slope 1", total(jnp.square), [0.0, 1.0], lambda x: jnp.where(x == 0, 1.0, 2 * x)),
    ("exp(-1 / x^2) rule at 1", total(lambda x: x**3), [1.0, 2.0], lambda x: jnp.where(x == 1, 1.0, 3 * x**2)),
    ("rule of log1p at 0", total(with_jvp(jnp.log1p, lambda x: jnp.where(x == 0, 0.0, 1 / (1 + x)))), [0.0, 1.0], None),
    ("rule of x |x| at 0, vjp", total(with_vjp(lambda x: jnp.sin(x), lambda x, dy: dy * jnp.where(x == 0, 0.0, jnp.cos(x)))), [0.0, 1.0], None),
    ("power at a base of 0", total(lambda x: (x + 1) ** 3), [0.0, -1.0], lambda x: jnp.where(x == 0, 0.0, 3 * (x + 1) ** 2)),
    ("Huber, linear part doubled", huber, [1.0, 0.5, 3.0], lambda x: jnp.where(jnp.abs(x) < 1, x, 2 * jnp.sign(x))),
    ("determinant at 0 by division", lambda x: jnp.prod(x), [0.0, 2.0, 3.0], lambda x: jnp.where(x == 0, 0.0, jnp.prod(x) / jnp.where(x == 0, 1.0, x))),
]  # fmt: skip

RIGHT = [
    ("L1 with a weight of 0", lambda x: penalty(0.01, x), KINKED, None),
    ("L1 with a weight of 0, by hand", lambda x: penalty(0.01, x), KINKED, lambda x: -jnp.sin(x) + 0.01 * jnp.sign(x)),
    ("L1, numbers by hand", l1, KINKED, lambda _: jnp.array([0.0, 1.0, -1.0])),
    ("L1, 1 at 0 by hand", l1, KINKED, lambda x: jnp.where(x >= 0, 1.0, -1.0)),
    ("ReLU network, blank image", network(jax.nn.relu), LAYER, None),
    ("ReLU by maximum, blank image", network(relu), LAYER, None),
    ("GELU network, blank image", network(jax.nn.gelu), LAYER, None),
    ("leaky ReLU network, blank image", network(jax.nn.leaky_relu), LAYER, None),
    ("ReLU after a linear layer at 0", lambda x: jnp.sum(jax.nn.relu(jnp.array([1.0, -2.0, 3.0]) * x[0])) + x[1], [0.0, 1.0], None),
    ("ReLU, 1 at 0 by hand", total(jax.nn.relu), KINKED, lambda x: jnp.where(x >= 0, 1.0, 0.0)),
    ("ReLU, 0 at 0 by hand", total(jax.nn.relu), KINKED, lambda x: jnp.where(x > 0, 1.0, 0.0)),
    ("difference of two ReLUs", lambda x: 2 * jnp.sum(jax.nn.relu(x)) - jnp.sum(jax.nn.relu(-x)), KINKED, None),
    ("max at a tie", jnp.max, [1.0, 1.0, 0.5], None),
    ("max at a tie, one of them by hand", jnp.max, [1.0, 1.0, 0.5], lambda x: jnp.zeros(3).at[jnp.argmax(x)].set(1.0)),
    ("median at a tie", jnp.median, [1.0, 1.0, 1.0], None),
    ("sort at a tie", lambda x: jnp.sort(x) @ jnp.array([1.0, 2.0, 5.0]), [1.0, 1.0, 2.0], None),
    ("top two at a tie", lambda x: jnp.sum(jax.lax.top_k(x, 2)[0]), [1.0, 1.0, 1.0, 0.0], None),
    ("clip at its end", lambda x: jnp.sum(jnp.clip(x, 0, 1) + x**2), [0.0, 1.0, 0.5], None),
    ("hinge at its kink", total(lambda x: relu(1 - x)), [1.0, 0.0, 2.0], None),
    ("squared hinge", total(lambda x: relu(1 - x) ** 2), [1.0, 0.0, 2.0], None),
    ("Huber at its ends", huber, [1.0, -1.0, 0.5], None),
    ("hard tanh and ReLU6", lambda x: jnp.sum(jax.nn.hard_tanh(x) + jax.nn.relu6(x)), [0.0, 1.0, 6.0], None),
    ("ELU, SELU, CELU", lambda x: jnp.sum(jax.nn.elu(x) + jax.nn.selu(x) + jax.nn.celu(x)), KINKED, None),
    ("hard swish", total(jax.nn.hard_swish), [-3.0, 0.0, 3.0], None),
    ("max pooling of zeros", lambda x: jnp.sum(jnp.max(jax.nn.relu(x.reshape(2, 2)), axis=1)), [-1.0, -2.0, 0.5, 0.1], None),
    ("floor", lambda x: jnp.sum(jnp.floor(x) + x**2), [0.3, 1.0, 2.5], None),
    ("x |x|", lambda x: jnp.sum(x * jnp.abs(x)), KINKED, None),
    ("|x|^3 by hand", lambda x: jnp.sum(jnp.abs(x) ** 3), KINKED, lambda x: 3 * x * jnp.abs(x)),
    ("a kink 1e-6 away", lambda x: jnp.sum(relu(x) + jnp.sin(x)), [1e-6, 1.0], None),
    ("a kink 1e-9 away", lambda x: jnp.sum(relu(x) + jnp.sin(x)), [1e-9, 1.0], None),
    ("squares at 0", lambda x: jnp.sum(x**2), [0.0, 0.0, 0.0], None),
    ("fourth powers at 0", lambda x: jnp.sum(x**4) + jnp.cos(x[0]), [0.0, 0.0], None),
    ("f does not depend on x", lambda x: 2.0 + 0 * jnp.sum(x), [0.0, 1.0], None),
    ("f does not depend on some", lambda x: jnp.sum(x[:2] ** 3) + 0 * x[2], [1.0, 2.0, 3.0], None),
    ("a shift of logits", lambda x: jax.nn.softmax(jnp.arange(3.0) + x[0])[0], [0.3], None),
    ("dead ReLU", lambda x: jnp.sum(jax.nn.relu(x) ** 2), [-2.0, -0.5, 1.0], None),
    ("tanh far out", lambda x: jnp.sum(jnp.tanh(x)), [12.0, 30.0, 0.5], None),
    ("tanh far out, by hand", lambda x: jnp.sum(jnp.tanh(x)), [12.0, 0.5], lambda x: 1 / jnp.cosh(x) ** 2),
    ("a gradient of 1e-13 beside 1", lambda x: 1.0 + 1e-13 * jnp.sum(x), [1.0, 2.0], lambda x: 1e-13 + 0 * x),
    ("an offset of 1e10", lambda x: 1e10 + 1e-6 * jnp.sum(x**2), [1.0, 2.0], lambda x: 2e-6 * x),
    ("cumprod at 0", cumprod, [0.0, 2.0, 3.0], cumprod_right),
    ("cumprod at two zeros", cumprod, [2.0, 0.0, 0.0], None),
    ("sinc at 0", total(sinc), [0.0, 1.0], lambda x: sinc_slope(x, 0.0)),
    ("log-sigmoid at 0", total(jax.nn.log_sigmoid), [0.0, 40.0, -40.0], lambda x: jax.nn.sigmoid(-x)),
    ("logsumexp at a tie", jax.nn.logsumexp, [3.0, 3.0, 3.0], jax.nn.softmax),
    ("x log x at small x", entropy, [1e-3, 0.5], None),
    ("sqrt near 0", lambda x: jnp.sum(jnp.sqrt(x)), [1e-7, 1.0], None),
    ("norm", jnp.linalg.norm, [3.0, 0.0, 4.0], lambda x: x / jnp.sqrt(jnp.sum(x**2))),
]  # fmt: skip
