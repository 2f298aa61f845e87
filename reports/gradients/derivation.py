"""The sections on the sigmoid network: its derivation, its shapes, and what happens where it is saturated."""

import jax
import numpy as np

from nets.backprop import one_hidden_layer
from reports.gradients.problem import Problem
from reports.shared.page import Page


def add_network(page: Page, problem: Problem) -> None:
    """Add the network and the derivation of its gradient by the chain rule."""
    N, M = problem.x.shape
    page.section("The network, and its gradient by the chain rule")
    page.text("One hidden layer, one output, a label $y$ that is 0 or 1, and the cross-entropy as the loss of a point:")
    page.formula(
        r"a_1 = W_1 x + b_1, \quad z_1 = \sigma(a_1), \quad a_2 = W_2 z_1 + b_2, \quad \hat y = \sigma(a_2),"
        r" \qquad L = -y \log \hat y - (1 - y) \log (1 - \hat y)"
    )
    page.text(
        "On this page there are {N} points with {M} inputs and {H} hidden units, so $W_1$ is {H} by {M} and $W_2$ 1 by "
        "{H}. The gradient is carried from the loss back to the inputs, one step of the chain rule at a time. Of the "
        "sigmoid only its slope is needed, and that is a function of its value:",
        N=N,
        M=M,
        H=len(problem.params["b1"]),
    )
    page.formula(
        r"\sigma(a) = \frac{1}{1 + e^{-a}}, \qquad"
        r" \frac{d\sigma}{da} = \frac{e^{-a}}{(1 + e^{-a})^2} = z (1 - z), \quad z = \sigma(a), \ 1 - z = \sigma(-a)"
    )
    page.text(
        "<strong>The output.</strong> Each fraction of $\\partial L / \\partial \\hat y$ meets its own denominator in "
        "the slope of the sigmoid, and the products $y \\hat y$ cancel:"
    )
    page.formula(
        r"\frac{\partial L}{\partial \hat y} = -\frac{y}{\hat y} + \frac{1 - y}{1 - \hat y}, \qquad"
        r" \frac{\partial L}{\partial a_2} = \frac{\partial L}{\partial \hat y}\, \hat y (1 - \hat y)"
        r" = -y (1 - \hat y) + (1 - y) \hat y = \hat y - y"
    )
    page.text("<strong>The second layer.</strong> $a_2$ is linear in its weights, its bias and the hidden units:")
    page.formula(
        r"\frac{\partial L}{\partial b_2} = \frac{\partial L}{\partial a_2}, \qquad"
        r" \frac{\partial L}{\partial W_2^{h}} = \frac{\partial L}{\partial a_2}\, z_1^{h}, \qquad"
        r" \frac{\partial L}{\partial z_1^{h}} = \frac{\partial L}{\partial a_2}\, W_2^{h}"
    )
    page.text("<strong>The first layer.</strong> Through the sigmoid of the hidden units, and again a linear layer:")
    page.formula(
        r"\frac{\partial L}{\partial a_1^{h}} = \frac{\partial L}{\partial z_1^{h}}\, z_1^{h} (1 - z_1^{h}), \qquad"
        r" \frac{\partial L}{\partial b_1^{h}} = \frac{\partial L}{\partial a_1^{h}}, \qquad"
        r" \frac{\partial L}{\partial W_1^{h,m}} = \frac{\partial L}{\partial a_1^{h}}\, x^{m}"
    )
    page.text(
        "<strong>A batch.</strong> The loss is the mean over $n = 1, \\dots, N$, so every gradient is the mean of "
        "those of the points. Written with matrices, the sum over the points is the inner dimension of a product:"
    )
    page.formula(
        r"\delta_2 = \frac{\hat y - y}{N}, \quad \frac{\partial L}{\partial W_2} = \delta_2^\top z_1, \quad"
        r" \frac{\partial L}{\partial b_2} = \sum_n \delta_2, \qquad"
        r" \delta_1 = (\delta_2 W_2) \odot z_1 \odot (1 - z_1), \quad"
        r" \frac{\partial L}{\partial W_1} = \delta_1^\top x, \quad \frac{\partial L}{\partial b_1} = \sum_n \delta_1"
    )


def add_shapes(page: Page, problem: Problem) -> None:
    """Add the shape of every array, for one point and for the batch, read from the arrays."""
    point_shapes = one_hidden_layer.shapes(problem.params, problem.x[0])
    batch_shapes = one_hidden_layer.shapes(problem.params, problem.x)
    batch = f"{len(problem.x)} points"
    page.section("Shapes, for one point and for many")
    page.text(
        "Most mistakes in a gradient are mistakes of shape, and the dangerous ones are those that broadcast. These are "
        "the shapes of the arrays computed for this page:"
    )
    page.table(
        "shapes",
        "Shape of every input, parameter and intermediate.",
        {
            "array": list(point_shapes),
            "one point": [_shape(point_shapes[name]) for name in point_shapes],
            batch: [_shape(batch_shapes[name]) for name in point_shapes],
            "has an axis for the points": [
                "yes" if point_shapes[name] != batch_shapes[name] else "no" for name in point_shapes
            ],
        },
        {"array": "code", "one point": "code", batch: "code"},
    )
    shared = [name for name in point_shapes if point_shapes[name] == batch_shapes[name]]
    page.conclusion(
        "{shared} are shared by all points: their shapes do not change with $N$, and so their gradients have to be "
        "summed over it. Labels are a vector $(N,)$; one of shape $(N, 1)$ raises ValueError, because with a vector "
        "it would broadcast silently to $N \\times N$.",
        shared=", ".join(shared),
    )


def add_saturation(page: Page) -> None:
    """Add the loss and the gradient where yhat rounds to 0 or 1, in the float32 that networks are trained in."""
    page.section("Where yhat rounds to 0 or 1")
    with jax.enable_x64(False):  # float32, whatever the process uses
        _saturation(page)


def _saturation(page: Page) -> None:
    page.text(
        "In float32 the output $\\hat y$ is exactly 1 from a logit of {saturation_logit} on, and the logarithm of "
        "$1 - \\hat y$ is lost. The loss does not need it: with $\\log \\sigma(a) = -\\log(1 + e^{-a})$ it is a "
        "function of the logit alone,",
        saturation_logit=next(logit for logit in range(100) if float(one_hidden_layer.sigmoid(np.float32(logit))) == 1),
    )
    page.formula(r"L = y \log(1 + e^{-a_2}) + (1 - y) \log(1 + e^{a_2}) = \log(1 + e^{(1 - 2y) a_2})")
    page.text(
        "and <code>logaddexp</code> evaluates that for any logit. In the gradient, $\\hat y - y$ written as a "
        "difference has no digits left where $\\hat y$ is close to $y$; as $-y\\, \\sigma(-a_2) + (1 - y)\\, "
        "\\sigma(a_2)$, one line earlier in the derivation, it keeps them all if it is a normal number."
    )
    logits = np.array([-500.0, -90.0, -20.0, 20.0, 90.0, 500.0])
    rows = [(logit, y) for y in (0, 1) for logit in logits]
    losses, textbook, difference, slopes = [], [], [], []
    for logit, y in rows:
        params = {"W1": np.zeros((1, 1)), "b1": np.zeros(1), "W2": np.zeros((1, 1)), "b2": np.array([logit])}
        x = np.zeros(1)
        losses.append(float(one_hidden_layer.loss(params, x, y)))
        textbook.append(
            f"{float(one_hidden_layer.textbook_loss(params, x, y)) + 0.0:.4g}"
        )  # + 0.0: no minus before a zero
        difference.append(float(one_hidden_layer.forward(params, x).yhat[0] - y))
        slopes.append(float(one_hidden_layer.point_gradient(params, x, y)["b2"][0]))
    page.table(
        "saturation",
        "One point in float32; values below the smallest normal number, 1.2e-38, are 0.",
        {
            "logit $a_2$": [logit for logit, _ in rows],
            "label $y$": [y for _, y in rows],
            "textbook loss": textbook,
            "loss from the logit": losses,
            "$\\hat y - y$, subtracted": difference,
            "dL/d$a_2$, as derived": slopes,
        },
        {
            "logit $a_2$": ".0f",
            "loss from the logit": ".4g",
            "$\\hat y - y$, subtracted": ".4g",
            "dL/d$a_2$, as derived": ".4g",
        },
    )


def _shape(shape: tuple[int, ...]) -> str:
    return str(shape).replace(",)", ",)")
