"""The section for users of PyTorch: where the gradient lives in JAX, Flax and Optax, with a cubic fit."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reports.gradients import cubic
from reports.shared.page import Numbers

RATE = 1e-3


def library_section(steps: int, seed: int) -> Numbers:
    """Return a cubic trained with RMSprop and its least-squares solution."""
    x, y = cubic.data()
    result = cubic.fit(steps=steps, learning_rate=RATE, seed=seed)
    return {
        "points": len(y),
        "rate": RATE,
        "source": inspect.getsource(cubic.squared_error) + "\n\n" + inspect.getsource(cubic.train_step),
        "cubic": _figure(np.asarray(x)[:, 0], np.asarray(y)[:, 0], cubic.design(x), result),
        "coefficients": {
            "of": ["1 (the bias)", "x", "x^2", "x^3"],
            "trained": result.trained,
            "least squares": result.least_squares,
            "difference": result.trained - result.least_squares,
        },
        "steps": steps,
        "loss": result.loss,
        "least_loss": result.least_loss,
        "excess": result.loss / result.least_loss - 1,
    }


def _figure(x: np.ndarray, y: np.ndarray, X: np.ndarray, result: cubic.CubicFit) -> Figure:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
    left.plot(x, y, color="0.6", linewidth=3.5, label="sine")
    left.plot(x, X @ result.least_squares, color="C0", label="least squares")
    left.plot(x, X @ result.trained, "--", color="C1", label="RMSprop")
    left.set(xlabel="x", title="fit")
    left.legend()
    right.plot(result.losses - result.least_loss, color="C1")
    right.set(xlabel="step", title="sum of squares above its minimum", yscale="log")
    return figure
