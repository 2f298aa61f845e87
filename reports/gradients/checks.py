"""The sections that check derivations by hand with every method.

They are about the gradients of the sigmoid network and of the classifiers, and about the Hessian times a vector.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from closedform.verdict import Verdict, worst
from nets.backprop import one_hidden_layer
from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.gradcheck.checks import check_gradient, directional_derivative, taylor_test
from nets.gradcheck.methods import estimate_derivatives
from nets.gradcheck.results import GradientChecks
from nets.gradcheck.verdicts import TOLERANCE
from nets.models.conv_net import ConvNet
from nets.models.losses import functional_loss
from nets.models.mlp import MLP
from reports.gradients.problem import Problem
from reports.shared.page import Numbers

METHOD_TITLES = {
    "reverse": "jax.grad",
    "forward": "jax.jvp",
    "complex step": "complex step",
    "richardson": "Richardson",
    "central": "central",
}
NETWORKS: dict[str, tuple[tuple[int, ...], Callable[..., nnx.Module], Callable[..., Any]]] = {
    "MLP": ((4, 4, 1), MLP, mlp_gradient),
    "ConvNet": ((6, 6, 2), partial(ConvNet, channels=(4,)), conv_net_gradient),
}
"""Name of the network -> shape of an image, class of the network, its gradient by hand."""


def methods_section(problem: Problem) -> Numbers:
    """Return the gradient of the sigmoid network by hand and by every method, and its Taylor test."""
    checks = check_gradient(problem.loss, problem.params, grad_fn=problem.gradient, complex_f=problem.textbook_loss)
    taylor = taylor_test(problem.loss, problem.params, grad_fn=problem.gradient)
    return {
        "methods": _table(checks),
        "tolerances": TOLERANCE,
        "taylor": {
            "leaf": [check.leaf for check in taylor.checks],
            "without gradient": [check.slopes[0] for check in taylor.checks],
            "with gradient": [check.slopes[1] for check in taylor.checks],
            "verdict": [check.verdict for check in taylor.checks],
        },
        "verdict": checks.verdict,
        "taylor_verdict": taylor.verdict,
        "largest_exact": max(
            check.relative_error for check in checks.checks if check.method in ("reverse", "complex step")
        ),
        "eps": np.finfo(float).eps,
    }


def mistakes_section(problem: Problem) -> Numbers:
    """Return the checks of gradients with a mistake in them. The verdict is ``fail`` unless every check fails."""
    N = len(problem.y)
    with jax.enable_x64(True):  # the methods run in float64 too
        z1 = np.asarray(one_hidden_layer.forward(problem.params, problem.x).z1)
    slope = np.mean(z1 * (1 - z1))  # the average over hidden units and points

    def changed(name: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda params: (gradient := problem.gradient(params)) | {name: change(gradient[name])}

    wrong = {
        "dL/db2 with the wrong sign": changed("b2", lambda leaf: -leaf),
        "dL/db1 without the slope z(1 - z), on average": changed("b1", lambda leaf: leaf / slope),
        "dL/dW1 too large by 0.1 %": changed("W1", lambda leaf: 1.001 * leaf),
    }
    if N > 1:
        wrong["1/N left out"] = lambda params: {name: N * leaf for name, leaf in problem.gradient(params).items()}
    if len(problem.params["b1"]) > 1:
        wrong["dL/dW2 with the hidden units in reverse order"] = changed("W2", lambda leaf: leaf[:, ::-1])
    estimates = estimate_derivatives(problem.loss, problem.params, complex_f=problem.textbook_loss)
    rows = [estimates.check("grad_fn", grad_fn) for grad_fn in wrong.values()]
    return {
        "mistakes": {"mistake": list(wrong)}
        | {
            title: [max(c.relative_error for c in row.checks if c.method == method) for row in rows]
            for method, title in METHOD_TITLES.items()
        }
        | {"verdict": [row.verdict for row in rows]},
        "verdict": "pass" if {row.verdict for row in rows} == {"fail"} else "fail",
    }


def classifiers_section(seed: int) -> Numbers:
    """Return the checks of a small MLP and a small conv net: the gradient by hand against the Flax module."""
    rng = np.random.default_rng(seed)
    networks: dict[str, Any] = {}
    verdicts = []
    rngs = nnx.Rngs(seed)
    for name, (image_shape, make, grad_fn) in NETWORKS.items():
        model = make(image_shape, 3, hidden=(8, 6), rngs=rngs)
        loss, params = functional_loss(model)
        images, labels = rng.standard_normal((10, *image_shape)), rng.integers(0, 3, 10)
        checks = check_gradient(
            lambda params, loss=loss, images=images, labels=labels: loss(params, images, labels),
            params,
            grad_fn=lambda params, grad_fn=grad_fn, images=images, labels=labels: grad_fn(params, images, labels),
        )
        networks[name] = _table(checks)
        verdicts.append(checks.verdict)
    return {"networks": networks, "verdict": worst(verdicts)}


def second_order_section(problem: Problem) -> Numbers:
    """Return the checks of the Hessian-vector product: by hand against every method."""
    checks = check_gradient(
        directional_derivative(problem.loss, problem.v),
        problem.params,
        grad_fn=lambda params: one_hidden_layer.hessian_vector_product(params, problem.v, problem.x, problem.y),
        complex_f=directional_derivative(problem.textbook_loss, problem.v),
    )
    return {"second_order": _table(checks), "verdict": checks.verdict}


def _table(checks: GradientChecks) -> dict[str, list[Any]]:
    """Return the relative errors, a row for each leaf and a column for each method, and the verdicts."""
    leaves = list(dict.fromkeys(check.leaf for check in checks.checks))
    table = {(check.leaf, check.method): check for check in checks.checks}
    methods = [method for method in METHOD_TITLES if (leaves[0], method) in table]
    return (
        {"leaf": leaves, "norm": [table[leaf, methods[0]].norm for leaf in leaves]}
        | {METHOD_TITLES[method]: [table[leaf, method].relative_error for leaf in leaves] for method in methods}
        | {"verdict": [_leaf_verdict([table[leaf, method].verdict for method in methods]) for leaf in leaves]}
    )


def _leaf_verdict(verdicts: Sequence[Verdict]) -> str:
    """Return the verdict on one leaf, with the number of inconclusive methods."""
    inconclusive = verdicts.count("inconclusive")
    verdict = "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "inconclusive"
    return f"{verdict} ({inconclusive} inconclusive)" if inconclusive and verdict != "inconclusive" else verdict
