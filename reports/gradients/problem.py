"""The options of the page, and from them the network and its data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.shared.options import Common


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Gradients by hand checked against jax.grad, forward mode, differences, complex step; where they live in JAX."""

    points: int = 20
    """N, points in the batch."""
    inputs: int = 3
    """M, inputs of the sigmoid network."""
    hidden: int = 4
    """H, its hidden units."""


@dataclass(frozen=True)
class Problem:
    """The sigmoid network at a random point: normal parameters and inputs, labels of a fair coin.

    The variance of a weight is one over the inputs of its layer, so that no size of the network saturates it.
    """

    params: dict[str, NDArray[np.float64]]
    x: NDArray[np.float64]
    """(N, M)"""
    y: NDArray[np.int64]
    """(N,)"""
    v: dict[str, NDArray[np.float64]]
    """A direction in the space of the parameters."""

    def loss(self, params: Any) -> Any:
        """Return the loss of the batch, as in training."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.loss(params, self.x, self.y)

    def textbook_loss(self, params: Any) -> Any:
        """Return the loss as it is defined, also for complex parameters."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.textbook_loss(params, self.x, self.y)

    def gradient(self, params: Any) -> Any:
        """Return the gradient of the loss by hand."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.gradient(params, self.x, self.y)


def read(options: Options) -> Problem:
    """Return the network and data the options name; raise ValueError with one clear line for what is wrong."""
    for name, most in {"points": 1000, "inputs": 20, "hidden": 20}.items():
        value = getattr(options, name)
        if not 1 <= value <= most:
            raise ValueError(f"`{name}` must lie between 1 and {most}, got {value}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    rng = np.random.default_rng(options.seed)
    N, M, H = options.points, options.inputs, options.hidden

    def random_params() -> dict[str, NDArray[np.float64]]:
        return {
            "W1": rng.standard_normal((H, M)) / M**0.5,
            "b1": rng.standard_normal(H),
            "W2": rng.standard_normal((1, H)) / H**0.5,
            "b2": rng.standard_normal(1),
        }

    return Problem(params=random_params(), x=rng.standard_normal((N, M)), y=rng.integers(0, 2, N), v=random_params())
