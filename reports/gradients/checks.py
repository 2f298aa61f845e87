"""The sections that check gradients by hand with every method: the sigmoid network, the classifiers, the Hessian."""

from collections.abc import Callable, Sequence
from typing import Any

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
from reports.shared.page import Page

METHOD_TITLES = {
    "reverse": "jax.grad",
    "forward": "jax.jvp",
    "complex step": "complex step",
    "richardson": "Richardson",
    "central": "central",
}


def add_methods(page: Page, problem: Problem) -> Verdict:
    """Add the gradient of the sigmoid network by every method, and its Taylor test; return the worst verdict."""
    page.section("The methods")
    page.text(
        "<code>jax.grad</code> applies the same chain rule, so it could share a misunderstanding with the derivation, "
        "but not a slip of the pen. Finite differences use no derivative at all: they evaluate the loss only. The "
        "methods, all in float64, are reverse mode (<code>jax.grad</code>), forward mode (<code>jax.jvp</code>, one "
        "parameter at a time), the complex step $\\mathrm{Im}\\, L(\\theta + i h e) / h$, which subtracts nothing and "
        "is accurate to rounding, central differences $(L(\\theta + h e) - L(\\theta - h e)) / 2h$, and Richardson's "
        "extrapolation of them to $h = 0$."
    )
    checks = check_gradient(problem.loss, problem.params, grad_fn=problem.gradient, complex_f=problem.textbook_loss)
    _table(
        page, "methods", checks, "The gradient by hand against each method: $\\|a - b\\| / \\max(\\|a\\|, \\|b\\|)$."
    )
    page.text(
        "A check passes below the tolerance of its method ({exact:.0e} for the first three, {richardson:.0e} for "
        "Richardson, {central:.0e} for central differences), or below the error estimate of the method if that is "
        "larger. A check that could not detect an error of 0.1&nbsp;% is inconclusive.",
        exact=TOLERANCE["reverse"],
        richardson=TOLERANCE["richardson"],
        central=TOLERANCE["central"],
    )
    taylor = taylor_test(problem.loss, problem.params, grad_fn=problem.gradient)
    page.text(
        "<strong>Taylor test.</strong> Along a direction $v$ in one leaf of the parameters, "
        "$|L(\\theta + hv) - L(\\theta)|$ falls like "
        "$h$, and $|L(\\theta + hv) - L(\\theta) - h \\langle g, v \\rangle|$ like $h^2$ if $g$ is the gradient, but "
        "only like $h$ if it is not. It costs a few evaluations, however many parameters the leaf has."
    )
    page.table(
        "taylor",
        "Slopes on logarithmic axes; 1 and 2 are right.",
        {
            "leaf": [check.leaf for check in taylor.checks],
            "without gradient": [check.slopes[0] for check in taylor.checks],
            "with gradient": [check.slopes[1] for check in taylor.checks],
            "verdict": [check.verdict for check in taylor.checks],
        },
        {"leaf": "code", "without gradient": ".3f", "with gradient": ".3f"},
    )
    largest = max(check.relative_error for check in checks.checks if check.method in ("reverse", "complex step"))
    page.conclusion(
        "Verdict of the methods: <strong>{methods_verdict}</strong>; of the Taylor test: "
        "<strong>{taylor_verdict}</strong>. The derivation differs from <code>jax.grad</code> and the complex step by "
        "at most {largest_exact:.1e} of the norm of a leaf; rounding alone is {eps:.1e}.",
        methods_verdict=checks.verdict,
        taylor_verdict=taylor.verdict,
        largest_exact=largest,
        eps=float(np.finfo(float).eps),
    )
    return worst([checks.verdict, taylor.verdict])


def add_mistakes(page: Page, problem: Problem) -> Verdict:
    """Add the checks of gradients with a mistake in them; return ``fail`` unless each fails."""
    page.section("What a mistake looks like")
    page.text(
        "A check that cannot fail proves nothing. Here the same methods check the same gradient with a mistake in it. "
        "The tests of closedform mutate every term of every derivation in this way, in the source of the package."
    )
    N, z1 = len(problem.y), one_hidden_layer.forward(problem.params, problem.x).z1
    slope = np.mean(z1 * (1 - z1))  # of the hidden units, as an average

    def changed(name: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda params: (gradient := problem.gradient(params)) | {name: change(gradient[name])}

    mistakes = {
        "sign of dL/db2": changed("b2", lambda leaf: -leaf),
        "slope z(1 - z) forgotten in dL/db1 (on average)": changed("b1", lambda leaf: leaf / slope),
        "0.1 % in dL/dW1": changed("W1", lambda leaf: 1.001 * leaf),
    }
    if N > 1:
        mistakes["1/N forgotten"] = lambda params: {name: N * leaf for name, leaf in problem.gradient(params).items()}
    if len(problem.params["b1"]) > 1:
        mistakes["hidden units of dL/dW2 in another order"] = changed("W2", lambda leaf: leaf[:, ::-1])
    estimates = estimate_derivatives(problem.loss, problem.params, complex_f=problem.textbook_loss)
    rows = [estimates.check("grad_fn", grad_fn) for grad_fn in mistakes.values()]
    page.table(
        "mistakes",
        "Largest relative error of a leaf, by each method.",
        {"mistake": list(mistakes)}
        | {
            title: [max(c.relative_error for c in row.checks if c.method == method) for row in rows]
            for method, title in METHOD_TITLES.items()
        }
        | {"verdict": [row.verdict for row in rows]},
        dict.fromkeys(METHOD_TITLES.values(), ".1e"),
    )
    return "pass" if {row.verdict for row in rows} == {"fail"} else "fail"


def add_classifiers(page: Page, seed: int) -> Verdict:
    """Add the gradients of a small MLP and a small conv net, by hand and by Flax; return the worst verdict."""
    page.section("The networks that are trained")
    page.text(
        "The classifiers are built of four pieces, and each has a rule that takes the gradient at its output, "
        "$\\bar y = \\partial L / \\partial y$, back to its input and its parameters:"
    )
    page.formula(
        r"y = x W + b: \qquad \bar x = \bar y W^\top, \quad \bar W = x^\top \bar y, \quad \bar b = \sum_n \bar y_n"
    )
    page.formula(r"y = \max(x, 0): \qquad \bar x = \bar y \ \mathrm{where}\ x > 0,\ \mathrm{else}\ 0")
    page.formula(
        r"y_{ij} = b + \sum_{p, q = 0}^{2} x_{i+p,\, j+q} K_{pq}: \qquad"
        r" \bar K_{pq} = \sum_{n, i, j} x_{i+p,\, j+q}^\top \bar y_{ij}, \quad"
        r" \bar x_{ij} = \sum_{p, q} \bar y_{i-p,\, j-q} K_{pq}^\top, \quad \bar b = \sum_{n, i, j} \bar y_{ij}"
    )
    page.formula(
        r"L = -\frac{1}{N} \sum_n \log p_{n, \mathrm{label}_n}, \quad p_{nk} = \frac{e^{y_{nk}}}{\sum_j e^{y_{nj}}}: "
        r"\qquad \bar y_{nk} = \frac{p_{nk} - [k = \mathrm{label}_n]}{N}"
    )
    page.text(
        "Forward, each layer stores its input; backward, the rules are chained. The parameters are those of the Flax "
        "modules, and so is the loss that the methods differentiate; only the gradient by hand is ours. ReLU is not "
        "holomorphic, so there is no complex step."
    )
    rng = np.random.default_rng(seed)
    verdicts = []
    rngs = nnx.Rngs(seed)
    for name, image_shape, model, grad_fn in [
        ("MLP", (4, 4, 1), MLP((4, 4, 1), 3, hidden=(8, 6), rngs=rngs), mlp_gradient),
        (
            "ConvNet",
            (6, 6, 2),
            ConvNet((6, 6, 2), 3, channels=(4,), hidden=(8, 6), rngs=rngs),
            conv_net_gradient,
        ),
    ]:
        loss, params = functional_loss(model)
        images, labels = rng.standard_normal((10, *image_shape)), rng.integers(0, 3, 10)
        checks = check_gradient(
            lambda params, loss=loss, images=images, labels=labels: loss(params, images, labels),
            params,
            grad_fn=lambda params, grad_fn=grad_fn, images=images, labels=labels: grad_fn(params, images, labels),
        )
        _table(page, name.lower(), checks, f"{name}: the gradient by hand against each method on the Flax module.")
        verdicts.append(checks.verdict)
    verdict = worst(verdicts)
    page.conclusion(
        "Verdict: <strong>{classifiers_verdict}</strong>. Where a step of a difference crosses the kink of a ReLU, its "
        "error estimate grows, and the check is inconclusive rather than a fail.",
        classifiers_verdict=verdict,
    )
    return verdict


def add_second_order(page: Page, problem: Problem) -> Verdict:
    """Add the Hessian-vector product by hand; return its verdict."""
    page.section("Second order")
    page.text(
        "Differentiating every line of the derivation along a direction $v$ of the parameters, "
        "$R\\{\\cdot\\} = \\partial / \\partial r$ at $\\theta + r v$, gives the Hessian times $v$ for the price of "
        "two gradients. By the product rule each factor is differentiated in turn; the slope of the "
        "slope is $1 - 2 z_1$:"
    )
    page.formula(
        r"R\{\delta_1\} = \left( R\{\delta_2\} W_2 + \delta_2 V_2 \right) \odot z_1 \odot (1 - z_1)"
        r" + (\delta_2 W_2) \odot (1 - 2 z_1) \odot R\{z_1\}"
    )
    checks = check_gradient(
        directional_derivative(problem.loss, problem.v),
        problem.params,
        grad_fn=lambda params: one_hidden_layer.hessian_vector_product(params, problem.v, problem.x, problem.y),
        complex_f=directional_derivative(problem.textbook_loss, problem.v),
    )
    _table(
        page,
        "second_order",
        checks,
        "The Hessian times a random direction, as the gradient of $\\langle g, v \\rangle$.",
    )
    page.conclusion("Verdict: <strong>{second_order_verdict}</strong>.", second_order_verdict=checks.verdict)
    return checks.verdict


def _table(page: Page, name: str, checks: GradientChecks, caption: str) -> None:
    """Add the relative errors, a row for each leaf and a column for each method, and the verdicts."""
    leaves = list(dict.fromkeys(check.leaf for check in checks.checks))
    table = {(check.leaf, check.method): check for check in checks.checks}
    methods = [method for method in METHOD_TITLES if (leaves[0], method) in table]
    page.table(
        name,
        caption,
        {"leaf": leaves}
        | {"norm": [table[leaf, methods[0]].norm for leaf in leaves]}
        | {METHOD_TITLES[method]: [table[leaf, method].relative_error for leaf in leaves] for method in methods}
        | {"verdict": [_leaf_verdict([table[leaf, method].verdict for method in methods]) for leaf in leaves]},
        {"leaf": "code", "norm": ".3g"} | {METHOD_TITLES[method]: ".1e" for method in methods},
    )


def _leaf_verdict(verdicts: Sequence[Verdict]) -> str:
    """Return the verdict on one leaf, with the number of inconclusive methods."""
    inconclusive = verdicts.count("inconclusive")
    verdict = "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "inconclusive"
    return f"{verdict} ({inconclusive} inconclusive)" if inconclusive and verdict != "inconclusive" else verdict
