"""The section for users of PyTorch: where the gradient lives in JAX, Flax and Optax, with a cubic fit."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reports.gradients import cubic
from reports.shared.page import Page

RATE = 1e-3
EQUIVALENTS = [
    ("loss.backward()", "grads = jax.grad(loss)(params)", "of a function, not of a value"),
    ("p.grad of each parameter", "grads, a tree shaped like params", "returned, stored nowhere"),
    ("optimizer.zero_grad()", "nothing", "nothing accumulates"),
    ("model.parameters()", "nnx.state(model, nnx.Param)", "arrays with names"),
    ("nn.Linear(3, 1)", "nnx.Linear(3, 1, rngs=rngs)", "kernel is (in, out)"),
    ("nn.Sequential(a, b)", "nnx.Sequential(a, b)", ""),
    ("RMSprop(model.parameters(), lr)", "nnx.Optimizer(model, optax.rmsprop(lr), wrt=nnx.Param)", "other defaults"),
    ("optimizer.step()", "optimizer.update(model, grads)", "grads is an argument"),
    ("torch.no_grad()", "nothing", "nothing is recorded"),
]


def add_library(page: Page, steps: int, seed: int) -> None:
    """Add where the gradient lives, and a cubic trained with RMSprop beside its least-squares solution."""
    page.section("Where the gradient lives")
    page.text(
        "In PyTorch a gradient lives on the parameter it belongs to: <code>loss.backward()</code> adds it to "
        "<code>p.grad</code>, the optimiser reads it there, and the training loop must set it back to zero. In JAX it "
        "is stored nowhere. <code>jax.grad</code> turns a function into one that returns the gradient, as a tree with "
        "the names and shapes of the parameters. The caller decides how to use it."
    )
    page.table(
        "pytorch_and_jax",
        "The same operation in both.",
        {
            "PyTorch": [row[0] for row in EQUIVALENTS],
            "JAX, Flax NNX, Optax": [row[1] for row in EQUIVALENTS],
            "note": [row[2] for row in EQUIVALENTS],
        },
        {"PyTorch": "code", "JAX, Flax NNX, Optax": "code"},
    )
    x, y = cubic.data()
    result = cubic.fit(steps=steps, learning_rate=RATE, seed=seed)
    page.text(
        "<strong>An example.</strong> The sine at {cubic_points} points in $[-\\pi, \\pi]$, by one linear layer on the "
        "features $x, x^2, x^3$: three weights and a bias, the sum of squares as the loss, RMSprop with PyTorch's "
        "settings and a step of {rate:g}. The training step, from "
        "<code>reports/gradients/cubic.py</code>:",
        cubic_points=len(y),
        rate=RATE,
    )
    page.code(inspect.getsource(cubic.squared_error) + "\n\n" + inspect.getsource(cubic.train_step))
    page.text(
        "The same four numbers have a closed form. With the design matrix $X$ of ones and features, the gradient "
        "$2 X^\\top (X w - y)$ is zero at the solution of the normal equations,"
    )
    page.formula(r"\hat w = (X^\top X)^{-1} X^\top y")
    page.figure(
        _figure(np.asarray(x)[:, 0], np.asarray(y)[:, 0], cubic.design(x), result),
        "Left: the sine and both cubics, which look the same if the training converged. Right: how "
        "far the sum of squares is above the least possible, step by step.",
        "The sine with the trained and the least-squares cubic over it, and the excess loss falling over the steps.",
    )
    page.table(
        "cubic",
        "The coefficients.",
        {
            "of": ["1 (the bias)", "x", "x^2", "x^3"],
            "trained": list(result.trained),
            "least squares": list(result.least_squares),
            "difference": list(result.trained - result.least_squares),
        },
        {"trained": ".5f", "least squares": ".5f", "difference": ".1e"},
    )
    page.conclusion(
        "After {cubic_steps} steps the sum of squares is {cubic_loss:.4f}, and {cubic_least:.4f} is the least "
        "possible: {cubic_excess:.2%} more. "
        + (
            "RMSprop divides each gradient by its recent size, so with a constant step it does not converge: "
            "each coefficient oscillates by about the step, {rate:g}."
            if result.loss < 1.1 * result.least_loss
            else "RMSprop moves each coefficient by about the step, {rate:g}, whatever the size of the gradient, and "
            "has not converged yet."
        ),
        cubic_steps=steps,
        cubic_loss=result.loss,
        cubic_least=result.least_loss,
        cubic_excess=result.loss / result.least_loss - 1,
    )


def _figure(x: np.ndarray, y: np.ndarray, X: np.ndarray, result: cubic.CubicFit) -> Figure:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
    left.plot(x, y, color="0.6", linewidth=3.5, label="sine")
    left.plot(x, X @ result.least_squares, color="C0", label="least squares")
    left.plot(x, X @ result.trained, "--", color="C1", label="RMSprop")
    left.set(xlabel="x", title="fit")
    left.legend()
    right.plot(result.losses - result.least_loss, color="C1")
    right.set(xlabel="step", title="sum of squares above the least possible", yscale="log")
    return figure
