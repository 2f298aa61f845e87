"""What each witness of `nets.witnesses` says of a function's gradient at a point, and a gradient held to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from nets import witnesses as ways
from nets.blocks import Blocks
from nets.gradient_checks import VISIBLE, GradientCheck, GradientChecks, Verdict

Function = Callable[[Any], jax.Array]

WAYS = {
    "reverse": ways.reverse,
    "forward": ways.forward,
    "complex step": ways.complex_step,
    "richardson": ways.richardson,
    "central": ways.central,
}
TOLERANCE = {"reverse": 1e-13, "forward": 1e-13, "complex step": 1e-13, "richardson": 1e-10, "central": 1e-8}
"""Relative error of a block that a witness is trusted to, in float64: tests/tolerances.py has what was measured."""
ZERO = 8 * ways.EPS
"""A gradient below ZERO |f| / scale is zero: moving a parameter by its own size changes f by less than its rounding."""


@dataclass(frozen=True)
class Answer:
    """The gradient at some entries as one witness has it, and its error by its own account, all (Q,)."""

    witness: str
    index: NDArray[np.int64]
    value: NDArray[np.float64]
    uncertainty: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Testimony:
    """What the witnesses say of f at one point, so that several gradients may be held to it."""

    blocks: Blocks
    value: float
    """f there."""
    answers: Sequence[Answer]

    def about(self, subject: str, gradient: Callable[[Any], Any]) -> GradientChecks:
        """Return the checks of the tree ``gradient(params)``; errors as in `compare_gradients`."""
        if not self.answers:
            raise ValueError(
                f"`witnesses` must name one that {subject} can be held to, got none; the complex step needs "
                "`holomorphic`, and reverse mode is no witness to itself."
            )
        with jax.enable_x64(True):
            blocks = self.blocks
            vector = blocks.vector(subject, gradient(blocks.tree(blocks.theta)))
            size = np.asarray(ways.scale(blocks.theta))
        return GradientChecks(
            subject,
            tuple(self._check(block, answer, vector, size) for block in blocks.slices for answer in self.answers),
        )

    def _check(
        self, block: str, answer: Answer, vector: NDArray[np.float64], size: NDArray[np.float64]
    ) -> GradientCheck:
        where = self.blocks.slices[block]
        here = (where.start <= answer.index) & (answer.index < where.stop)
        index = answer.index[here]
        a, b = vector[index], answer.value[here]
        error, norm = float(np.linalg.norm(a - b)), float(max(np.linalg.norm(a), np.linalg.norm(b)))
        limit, relative_error = TOLERANCE[answer.witness], 0.0
        if not norm <= ZERO * abs(self.value) * np.linalg.norm(1 / size[index]):
            limit = max(limit, float(np.linalg.norm(answer.uncertainty[here])) / norm)
            relative_error = error / norm
        stepped_out = answer.uncertainty.any() and not np.isfinite(b).all()  # of the domain of f
        if stepped_out or (relative_error <= limit and limit > VISIBLE):
            verdict: Verdict = "inconclusive"
        else:
            verdict = "pass" if relative_error <= limit else "fail"
        return GradientCheck(
            block=block,
            shape=self.blocks.shapes[block],
            witness=answer.witness,
            entries=len(index),
            norm=norm,
            relative_error=relative_error,
            limit=limit,
            verdict=verdict,
        )


def ask(
    f: Function,
    params: Any,
    *,
    holomorphic: Function | None = None,
    witnesses: Sequence[str] = tuple(TOLERANCE),
    entries: int = 1000,
    seed: int = 0,
) -> Testimony:
    """Return what each of ``witnesses`` says of ``f``; arguments and errors as in `compare_gradients`."""
    unknown = [name for name in witnesses if name not in TOLERANCE]
    if unknown or not witnesses:
        raise ValueError(f"`witnesses` must be some of {list(TOLERANCE)}, got {unknown or witnesses}.")
    if entries < 1:
        raise ValueError(f"`entries` must be 1 or more, got {entries}.")
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        blocks = Blocks.of(params)
        at, value = blocks.function("f", f)
        functions = {name: at for name in witnesses if name != "complex step"}
        if "complex step" in witnesses and holomorphic is not None:
            functions["complex step"], same = blocks.function("holomorphic", holomorphic)
            if not abs(same - value) <= 1e-9 * abs(value):
                raise ValueError(
                    f"`holomorphic` must be the same function as `f`, got {same} where `f` is {value}; they may differ "
                    "in how they are written only."
                )
        some = np.concatenate([_draw(rng, where, entries) for where in blocks.slices.values()])
        answers = []
        for name, function in functions.items():
            index = np.arange(len(blocks.theta)) if name == "reverse" else some
            partials = jax.jit(partial(WAYS[name], function))(blocks.theta, index)
            answers.append(Answer(name, index, *map(np.asarray, partials)))
        return Testimony(blocks=blocks, value=value, answers=answers)


def _draw(rng: np.random.Generator, where: slice, entries: int) -> NDArray[np.int64]:
    """Return the indices in ``where``, or if there are more than ``entries`` as many of them, in order."""
    index = np.arange(where.start, where.stop)
    return index if len(index) <= entries else np.sort(rng.choice(index, entries, replace=False))
