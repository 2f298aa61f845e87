"""A cubic fitted to the sine, the smallest network: it shows where a gradient lives in JAX.

The features x, x^2, x^3 go into one linear layer, so there are three weights and a bias. The layer is trained on the
squared error with RMSprop, as a user of PyTorch would write it. The four numbers also have a closed form, the
least-squares solution, and the training is compared with it.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray


def data(points: int = 2000) -> tuple[jax.Array, jax.Array]:
    """Return the features x, x^2, x^3 of points evenly spaced in [-pi, pi], (N, 3), and the sine of x, (N, 1)."""
    x = jnp.linspace(-jnp.pi, jnp.pi, points)[:, None]  # (N, 1)
    return jnp.concatenate([x, x**2, x**3], axis=1), jnp.sin(x)


def squared_error(model: nnx.Linear, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the sum of (model(x) - y)^2."""
    return jnp.sum((model(x) - y) ** 2)


@nnx.jit
def train_step(model: nnx.Linear, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> jax.Array:
    """Take one step of the optimizer, in place, and return the loss before the step."""
    loss, gradient = nnx.value_and_grad(squared_error)(model, x, y)  # gradient: a tree like the parameters
    optimizer.update(model, gradient)
    return loss


@dataclass(frozen=True)
class CubicFit:
    """A training run and the exact solution."""

    losses: NDArray[np.float64]
    """Sum of squares before each step, (steps,)."""
    trained: NDArray[np.float64]
    """Bias and the weights of x, x^2, x^3, (4,)."""
    least_squares: NDArray[np.float64]
    """The same coefficients in closed form, (4,)."""
    loss: float
    """Sum of squares of the trained cubic, in float64 like `least_loss`."""
    least_loss: float
    """Sum of squares of the least-squares cubic."""


def fit(steps: int = 2000, learning_rate: float = 1e-3, seed: int = 0) -> CubicFit:
    """Train the cubic with RMSprop, with PyTorch's default settings, and solve for it in closed form."""
    x, y = data()
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(seed))
    rmsprop = optax.rmsprop(learning_rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)
    optimizer = nnx.Optimizer(model, rmsprop, wrt=nnx.Param)
    losses = np.array([train_step(model, optimizer, x, y) for _ in range(steps)], dtype=float)
    trained = np.concatenate([np.asarray(model.bias), np.asarray(model.kernel)[:, 0]]).astype(float)
    X, target = design(x), np.asarray(y, float)[:, 0]
    least_squares = np.linalg.lstsq(X, target)[0]
    return CubicFit(
        losses=losses,
        trained=trained,
        least_squares=least_squares,
        loss=float(np.sum((X @ trained - target) ** 2)),
        least_loss=float(np.sum((X @ least_squares - target) ** 2)),
    )


def design(x: jax.Array) -> NDArray[np.float64]:
    """Return the design matrix, (N, 4): a column of ones for the bias, and the features."""
    return np.hstack([np.ones((len(x), 1)), np.asarray(x, float)])
