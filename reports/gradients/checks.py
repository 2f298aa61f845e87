"""The sections that hold gradients by hand to the witnesses: the sigmoid network, the classifiers, the Hessian."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flax import nnx

from nets.backprop import one_hidden_layer as backprop
from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.gradcheck.checks import compare_gradients, slope_along, taylor_test
from nets.gradcheck.estimates import ask
from nets.gradcheck.results import GradientChecks, Verdict, worst
from nets.gradcheck.verdicts import TOLERANCE
from nets.models.conv_net import ConvNet
from nets.models.losses import functional_loss
from nets.models.mlp import MLP
from reports.gradients.problem import Problem
from reports.shared.page import Page

TITLES = {
    "reverse": "jax.grad",
    "forward": "jax.jvp",
    "complex step": "complex step",
    "richardson": "Richardson",
    "central": "central",
}


def add_witnesses(page: Page, problem: Problem) -> Verdict:
    """Add the gradient of the sigmoid network before every witness, and its Taylor test; return the worst verdict."""
    page.section("The witnesses")
    page.text(
        "<code>jax.grad</code> applies the same chain rule, so it might share a misunderstanding with the derivation; "
        "it does not share its slips of the pen. Differences know no calculus at all: they ask the loss itself. In "
        "float64 the witnesses are reverse mode (<code>jax.grad</code>), forward mode (<code>jax.jvp</code>, one "
        "parameter at a time), the complex step $\\mathrm{Im}\\, L(\\theta + i h e) / h$, which subtracts nothing and "
        "is right to rounding, central differences $(L(\\theta + h e) - L(\\theta - h e)) / 2h$, and Richardson's "
        "extrapolation of them to $h = 0$."
    )
    checks = compare_gradients(
        problem.loss, problem.params, by_hand=problem.gradient, holomorphic=problem.textbook_loss
    )
    _table(
        page, "witnesses", checks, "The gradient by hand against each witness: $\\|a - b\\| / \\max(\\|a\\|, \\|b\\|)$."
    )
    page.text(
        "A check passes below the tolerance of its witness ({exact:.0e} for the first three, {richardson:.0e} for "
        "Richardson, {central:.0e} for central differences), or below what the witness says of its own error, if that "
        "is larger. A witness that could not have seen an error of 0.1&nbsp;% is inconclusive.",
        exact=TOLERANCE["reverse"],
        richardson=TOLERANCE["richardson"],
        central=TOLERANCE["central"],
    )
    taylor = taylor_test(problem.loss, problem.params, by_hand=problem.gradient)
    page.text(
        "<strong>Taylor test.</strong> Along a direction $v$ in one block, $|L(\\theta + hv) - L(\\theta)|$ falls like "
        "$h$, and $|L(\\theta + hv) - L(\\theta) - h \\langle g, v \\rangle|$ like $h^2$ if $g$ is the gradient, but "
        "only like $h$ if it is not. It costs a few evaluations, however many parameters the block has."
    )
    page.table(
        "taylor",
        "Slopes on logarithmic axes; 1 and 2 are right.",
        {
            "block": [check.block for check in taylor.checks],
            "without gradient": [check.slopes[0] for check in taylor.checks],
            "with gradient": [check.slopes[1] for check in taylor.checks],
            "verdict": [check.verdict for check in taylor.checks],
        },
        {"block": "code", "without gradient": ".3f", "with gradient": ".3f"},
    )
    largest = max(check.relative_error for check in checks.checks if check.witness in ("reverse", "complex step"))
    page.conclusion(
        "Verdict of the witnesses: <strong>{witnesses_verdict}</strong>; of the Taylor test: "
        "<strong>{taylor_verdict}</strong>. The derivation differs from <code>jax.grad</code> and the complex step by "
        "at most {largest_exact:.1e} of a block's norm; rounding alone is {eps:.1e}.",
        witnesses_verdict=checks.verdict,
        taylor_verdict=taylor.verdict,
        largest_exact=largest,
        eps=float(np.finfo(float).eps),
    )
    return worst([checks.verdict, taylor.verdict])


def add_mistakes(page: Page, problem: Problem) -> Verdict:
    """Add what the witnesses say of gradients with a mistake in them; return ``fail`` unless each fails."""
    page.section("What a mistake looks like")
    page.text(
        "A check that cannot fail says nothing. The same gradient with a mistake in it, before the same witnesses; the "
        "tests of closedform break every term of every derivation in this way, in the source that is shipped."
    )
    N, z1 = len(problem.y), backprop.forward(problem.params, problem.x).z1
    slope = np.mean(z1 * (1 - z1))  # of the hidden units, as an average

    def but(name: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda params: (right := problem.gradient(params)) | {name: change(right[name])}

    mistakes = {
        "sign of dL/db2": but("b2", lambda block: -block),
        "slope z(1 - z) forgotten in dL/db1 (on average)": but("b1", lambda block: block / slope),
        "0.1 % in dL/dW1": but("W1", lambda block: 1.001 * block),
    }
    if N > 1:
        mistakes["1/N forgotten"] = lambda params: {k: N * block for k, block in problem.gradient(params).items()}
    if len(problem.params["b1"]) > 1:
        mistakes["hidden units of dL/dW2 in another order"] = but("W2", lambda block: block[:, ::-1])
    testimony = ask(problem.loss, problem.params, holomorphic=problem.textbook_loss)
    rows = [testimony.about("by_hand", mistaken) for mistaken in mistakes.values()]
    page.table(
        "mistakes",
        "Largest relative error of a block, as each witness sees it.",
        {"mistake": list(mistakes)}
        | {
            title: [max(c.relative_error for c in row.checks if c.witness == witness) for row in rows]
            for witness, title in TITLES.items()
        }
        | {"verdict": [row.verdict for row in rows]},
        dict.fromkeys(TITLES.values(), ".1e"),
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
        "Forward, each layer keeps its input; backward, the rules are chained. The parameters are those of the Flax "
        "modules, and so is the loss the witnesses are asked about; only the gradient by hand is ours. ReLU is not "
        "holomorphic, so there is no complex step."
    )
    rng = np.random.default_rng(seed)
    verdicts = []
    rngs = nnx.Rngs(seed)
    for name, image_shape, model, by_hand in [
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
        checks = compare_gradients(
            lambda params, loss=loss, images=images, labels=labels: loss(params, images, labels),
            params,
            by_hand=lambda params, by_hand=by_hand, images=images, labels=labels: by_hand(params, images, labels),
        )
        _table(page, name.lower(), checks, f"{name}: the gradient by hand against each witness of the Flax module.")
        verdicts.append(checks.verdict)
    verdict = worst(verdicts)
    page.conclusion(
        "Verdict: <strong>{classifiers_verdict}</strong>. Where a step of a difference crosses the kink of a ReLU its "
        "own account of its error grows, and it says inconclusive rather than fail.",
        classifiers_verdict=verdict,
    )
    return verdict


def add_second_order(page: Page, problem: Problem) -> Verdict:
    """Add the Hessian-vector product by hand; return its verdict."""
    page.section("Second order")
    page.text(
        "Differentiating every line of the derivation along a direction $v$ of the parameters, "
        "$R\\{\\cdot\\} = \\partial / \\partial r$ at $\\theta + r v$, gives the Hessian times $v$ for the price of "
        "two gradients. By the product rule each factor has its turn; the slope of the slope is $1 - 2 z_1$:"
    )
    page.formula(
        r"R\{\delta_1\} = \left( R\{\delta_2\} W_2 + \delta_2 V_2 \right) \odot z_1 \odot (1 - z_1)"
        r" + (\delta_2 W_2) \odot (1 - 2 z_1) \odot R\{z_1\}"
    )
    checks = compare_gradients(
        slope_along(problem.loss, problem.v),
        problem.params,
        by_hand=lambda params: backprop.hessian_vector_product(params, problem.v, problem.x, problem.y),
        holomorphic=slope_along(problem.textbook_loss, problem.v),
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
    """Add the relative errors, a row a block and a column a witness, and the verdicts."""
    blocks = list(dict.fromkeys(check.block for check in checks.checks))
    by = {(check.block, check.witness): check for check in checks.checks}
    asked = [witness for witness in TITLES if (blocks[0], witness) in by]
    page.table(
        name,
        caption,
        {"block": blocks}
        | {"norm": [by[block, asked[0]].norm for block in blocks]}
        | {TITLES[witness]: [by[block, witness].relative_error for block in blocks] for witness in asked}
        | {"verdict": [_said([by[block, witness].verdict for witness in asked]) for block in blocks]},
        {"block": "code", "norm": ".3g"} | {TITLES[witness]: ".1e" for witness in asked},
    )


def _said(verdicts: Sequence[Verdict]) -> str:
    """Return the verdict on one block, with how many witnesses could not say."""
    blind = verdicts.count("inconclusive")
    word = "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "inconclusive"
    return f"{word} ({blind} inconclusive)" if blind and word != "inconclusive" else word
