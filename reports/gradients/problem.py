"""The options of the page, and the network and data that they name."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.shared.options import Common


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Gradients derived by hand, checked against jax.grad, forward mode, finite differences and the complex step."""

    points: int = 20
    """N, the number of points in the batch."""
    inputs: int = 3
    """M, the number of inputs of the sigmoid network."""
    hidden: int = 4
    """H, the number of its hidden units."""


@dataclass(frozen=True)
class Problem:
    """The sigmoid network at a random point: normal parameters and inputs, and labels from a fair coin.

    The variance of a weight is 1 over the number of inputs of its layer, so that a network of any size is far from
    saturation.
    """

    params: dict[str, NDArray[np.float64]]
    x: NDArray[np.float64]
    """(N, M)"""
    y: NDArray[np.int64]
    """(N,)"""
    v: dict[str, NDArray[np.float64]]
    """A direction in the space of the parameters."""

    def loss(self, params: Any) -> Any:
        """Return the loss of the batch, in the form used in training."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.loss(params, self.x, self.y)

    def textbook_loss(self, params: Any) -> Any:
        """Return the loss by its definition, which also takes complex parameters."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.textbook_loss(params, self.x, self.y)

    def gradient(self, params: Any) -> Any:
        """Return the gradient of the loss, as derived by hand."""
        from nets.backprop import one_hidden_layer

        return one_hidden_layer.gradient(params, self.x, self.y)


def read(options: Options) -> Problem:
    """Return the network and data that the options name; raise ValueError, in one line, if an option is wrong."""
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
