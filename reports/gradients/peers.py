"""The section that compares JAX's own gradient check with ours, on one mistake of each kind."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

from closedform.verdict import Verdict
from nets.gradcheck.checks import check_gradient
from reports.shared.page import Numbers

W = np.array([1.0, 2.0])
KINK = "that of a ReLU with slope 1.1, at its kink"
MISTAKES: dict[str, tuple[Callable[[Any], jax.Array], Any, Callable[[Any], Any]]] = {
    # the wrong gradient, in words -> the function, the point, the wrong gradient
    "0.1 % too large": (lambda x: jnp.sum(x**3), W, lambda x: 3.003 * x**2),
    "1 % too large in one entry of 1000": (
        lambda x: jnp.sum(x**2),
        np.ones(1000),
        lambda x: (2 * x).at[17].multiply(1.01),
    ),
    "twice too large for a parameter with a small gradient": (
        lambda x: x[0] ** 2 + 1e-5 * x[1] ** 2,
        W,
        lambda x: jnp.array([2.0, 4e-5]) * x,
    ),
    "0 where it should be 1.5e-10": (lambda x: jnp.sum(jnp.tanh(x)), np.array([12.0]), lambda x: 0 * x),
    "11 % too large in an L1 penalty, with one weight at 0": (
        lambda x: jnp.sum(jnp.cos(x)) + 0.01 * jnp.sum(jnp.abs(x)),
        np.array([0.0, 0.5, -0.7]),
        lambda x: -jnp.sin(x) + 0.0111 * jnp.sign(x),
    ),
    KINK: (
        lambda x: jnp.sum(jnp.maximum(x, 0.0)),
        np.array([0.0]),
        lambda x: 1.1 * (x > 0),
    ),
}
AT_KINK = (MISTAKES[KINK][0], np.array([0.0]), lambda x: 1.0 * (x > 0))
"""The same function and point with the right gradient."""


def peers_section() -> Numbers:
    """Return the verdicts of `jax.test_util.check_grads` and ours on wrong gradients.

    The verdict of the section is ``fail`` if ours passes a wrong gradient or fails the right one.
    """
    rows = {name: _verdicts(*mistake) for name, mistake in MISTAKES.items()}
    correct = _verdicts(*AT_KINK)
    columns = ["check_grads, float32", "check_grads, float64", "check_gradient"]
    ours = [row[2] for row in rows.values()]
    return {
        "peers": {"the gradient is": [*rows, "right: that of a ReLU at its kink"]}
        | {name: [*(row[i] for row in rows.values()), correct[i]] for i, name in enumerate(columns)},
        "mistakes": len(rows),
        "check_grads_float32_passes": sum(row[0] == "pass" for row in rows.values()),
        "check_grads_float64_passes": sum(row[1] == "pass" for row in rows.values()),
        "check_gradient_passes": ours.count("pass"),
        "check_gradient_fails": ours.count("fail"),
        "verdict": "fail" if "pass" in ours or correct[2] == "fail" else "pass",
    }


def _verdicts(
    f: Callable[[Any], jax.Array], at: Any, grad_fn: Callable[[Any], Any]
) -> tuple[Verdict, Verdict, Verdict]:
    with_rule = jax.custom_vjp(f)
    with_rule.defvjp(lambda x: (f(x), x), lambda x, dy: ((dy * grad_fn(x)).astype(x.dtype),))
    single = _check_grads(with_rule, jnp.asarray(at, jnp.float32))
    with jax.enable_x64(True):
        double = _check_grads(with_rule, jnp.asarray(at, jnp.float64))
    return single, double, check_gradient(f, at, grad_fn=grad_fn).verdict


def _check_grads(f: Callable[[Any], jax.Array], at: jax.Array) -> Verdict:
    try:
        check_grads(f, (at,), order=1, modes=["rev"])
    except AssertionError:
        return "fail"
    return "pass"
