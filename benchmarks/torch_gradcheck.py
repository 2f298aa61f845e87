"""Verdicts of ``torch.autograd.gradcheck`` on the gradients that the page ``gradients`` checks with JAX and with us.

    PYTHON benchmarks/torch_gradcheck.py    PYTHON has PyTorch

The functions, points and gradients by hand are those of ``reports/gradients/peers.py``, in float64 and with gradcheck's
own defaults: every entry of the Jacobian by a central difference of step 1e-6, atol 1e-5 and rtol 1e-3.
"""

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

W = [1.0, 2.0]


def wrong_at_17(x: torch.Tensor) -> torch.Tensor:
    """Return the gradient of sum x^2 with one entry 1 % too large."""
    gradient = 2 * x
    gradient[17] *= 1.01
    return gradient


MISTAKES: dict[str, tuple[Callable[..., Any], list[float], Callable[..., Any]]] = {
    "0.1 % too large": (lambda x: (x**3).sum(), W, lambda x: 3.003 * x**2),
    "one entry in 1000, 1 % too large": (lambda x: (x**2).sum(), [1.0] * 1000, wrong_at_17),
    "a small parameter's, twice too large": (
        lambda x: x[0] ** 2 + 1e-5 * x[1] ** 2,
        W,
        lambda x: torch.tensor([2.0, 4e-5], dtype=torch.float64) * x,
    ),
    "0 where it is 1.5e-10": (lambda x: x.tanh().sum(), [12.0], lambda x: 0 * x),
    "an L1 penalty's, 11 % too large, with a weight of 0": (
        lambda x: x.cos().sum() + 0.01 * x.abs().sum(),
        [0.0, 0.5, -0.7],
        lambda x: -x.sin() + 0.0111 * x.sign(),
    ),
    "a ReLU's of slope 1.1, at its kink": (lambda x: x.clamp(min=0).sum(), [0.0], lambda x: 1.1 * (x > 0)),
    "right: a ReLU's, at its kink": (lambda x: x.clamp(min=0).sum(), [0.0], lambda x: 1.0 * (x > 0)),
}


def gradcheck(f: Callable[..., Any], at: list[float], grad_fn: Callable[..., Any]) -> str:
    """Return the verdict on ``grad_fn`` as the backward rule of ``f``."""

    class WithRule(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return f(x)

        @staticmethod
        def backward(ctx: Any, *dy: torch.Tensor) -> torch.Tensor:
            return dy[0] * grad_fn(*ctx.saved_tensors)

    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return "pass" if torch.autograd.gradcheck(WithRule.apply, (x,), raise_exception=False) else "fail"


if __name__ == "__main__":
    for name, mistake in MISTAKES.items():
        print(f"| {name} | {gradcheck(*mistake)} |")
    print(f"PyTorch {torch.__version__}")
