"""The sections on the sigmoid network: its derivation, its shapes, and its loss and gradient at saturation."""

import jax
import numpy as np

from nets.backprop import one_hidden_layer
from reports.gradients.problem import Problem
from reports.shared.page import Numbers

LOGITS = (-500.0, -90.0, -20.0, 20.0, 90.0, 500.0)


def network_section(problem: Problem) -> Numbers:
    """Return the sizes of the network whose gradient is derived by the chain rule."""
    N, M = problem.x.shape
    return {"points": N, "inputs": M, "hidden": len(problem.params["b1"])}


def shapes_section(problem: Problem) -> Numbers:
    """Return the shape of every array, for one point and for the batch, read from the arrays."""
    point_shapes = one_hidden_layer.shapes(problem.params, problem.x[0])
    batch_shapes = one_hidden_layer.shapes(problem.params, problem.x)
    batch = f"{len(problem.x)} points"
    shared = [name for name in point_shapes if point_shapes[name] == batch_shapes[name]]
    return {
        "batch": batch,
        "shapes": {
            "array": list(point_shapes),
            "one point": [str(point_shapes[name]) for name in point_shapes],
            batch: [str(batch_shapes[name]) for name in point_shapes],
            "has an axis for the points": ["no" if name in shared else "yes" for name in point_shapes],
        },
        "shared": shared,
    }


def saturation_section() -> Numbers:
    """Return the loss and the gradient where yhat rounds to 0 or 1, in float32 as in training."""
    rows = [(logit, y) for y in (0, 1) for logit in LOGITS]
    losses, textbook, difference, slopes = [], [], [], []
    x = np.zeros(1)
    with jax.enable_x64(False):  # float32, even if the process uses float64
        saturated = next(logit for logit in range(100) if float(one_hidden_layer.sigmoid(np.float32(logit))) == 1)
        for logit, y in rows:
            params = {"W1": np.zeros((1, 1)), "b1": np.zeros(1), "W2": np.zeros((1, 1)), "b2": np.array([logit])}
            losses.append(float(one_hidden_layer.loss(params, x, y)))
            textbook_loss = float(one_hidden_layer.textbook_loss(params, x, y))
            textbook.append(f"{textbook_loss + 0.0:.4g}")  # + 0.0 removes the minus of -0.0
            difference.append(float(one_hidden_layer.forward(params, x).yhat[0] - y))
            slopes.append(float(one_hidden_layer.point_gradient(params, x, y)["b2"][0]))
    return {
        "logit": saturated,
        "saturation": {
            "logit a_2": [logit for logit, _ in rows],
            "label y": [y for _, y in rows],
            "textbook loss": textbook,
            "loss from the logit": losses,
            r"\hat y - y, subtracted": difference,
            "dL/da_2, as derived": slopes,
        },
    }
