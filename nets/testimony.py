"""What each witness of `nets.witnesses` says of a function's gradient at a point, and a gradient held to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets import witnesses as ways
from nets.blocks import Blocks
from nets.gradient_checks import GradientCheck, GradientChecks, verdict_on

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
EXACT = ("reverse", "forward", "complex step")
"""Witnesses that subtract nothing: one that is off by more than rounding is wrong, not blind."""
ZERO = 8
"""A gradient below ZERO times the rounding of f / scale, and below its own, is zero: it does not move f."""


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
    rounding: float
    """Rounding of f there, as in `nets.witnesses.rounding`."""
    spread: NDArray[np.float64]
    """How far reverse and forward mode differ at each parameter, (P,); 0 where forward mode was not asked."""
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
            stated = ways.measured(
                lambda theta: blocks.vector(subject, gradient(blocks.tree(theta))), blocks.theta, one_by_one
            )
            vector, rounding = (np.asarray(part) for part in stated)
            size = np.asarray(ways.scale(blocks.theta))
        return GradientChecks(
            subject,
            tuple(
                self._check(block, answer, vector, rounding, size) for block in blocks.slices for answer in self.answers
            ),
        )

    def _check(
        self,
        block: str,
        answer: Answer,
        vector: NDArray[np.float64],
        rounding: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> GradientCheck:
        where = self.blocks.slices[block]
        here = (where.start <= answer.index) & (answer.index < where.stop)
        index = answer.index[here]
        a, b = vector[index], answer.value[here]
        norm = max(norm_of(a), norm_of(b))
        unit = norm if 0 < norm < np.inf else 1.0  # squares of what is divided by it neither overflow nor vanish
        error = norm_of(a / unit - b / unit)
        doubt = norm_of(answer.uncertainty[here]) + norm_of(rounding[index])
        limit = TOLERANCE[answer.witness]
        exact = answer.witness in EXACT
        unseen = norm_of(a) == norm_of(b) == 0 < norm_of(vector[where])  # all that was drawn is 0, and not the block
        if (
            exact
            and norm <= doubt + 4 * norm_of(self.spread[index])
            and norm <= ZERO * self.rounding * norm_of(1 / size[index])
        ):
            error = 0.0
        elif norm > 0 and not (exact and error <= limit):
            limit = max(limit, doubt / norm)
        verdict = verdict_on(error, limit)
        if not np.isfinite(a).all():
            verdict = "fail"
        elif not np.isfinite(b).all() or unseen:
            verdict = "inconclusive"
        return GradientCheck(
            block=block,
            shape=self.blocks.shapes[block],
            witness=answer.witness,
            entries=len(index),
            norm=norm,
            relative_error=error,
            limit=limit,
            verdict=verdict,
        )


def ask(
    f: Function,
    params: Any,
    *,
    holomorphic: Function | None = None,
    witnesses: Sequence[str] | None = None,
    entries: int = 1000,
    seed: int = 0,
) -> Testimony:
    """Return what each of ``witnesses`` says of ``f``; arguments and errors as in `compare_gradients`."""
    unknown = [name for name in witnesses or () if name not in TOLERANCE]
    if unknown or (witnesses is not None and not witnesses):
        raise ValueError(f"`witnesses` must be some of {list(TOLERANCE)}, got {unknown or witnesses}.")
    if entries < 1:
        raise ValueError(f"`entries` must be 1 or more, got {entries}.")
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {seed}.")
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        blocks = Blocks.of(params)
        at, value = blocks.function("f", f)
        names = list(TOLERANCE) if witnesses is None else witnesses
        if "forward" in names and blocks.has_custom_vjp(at):
            if witnesses is not None:
                raise ValueError(
                    "`witnesses` must leave out 'forward', got "
                    f"{list(witnesses)}: `f` has a `jax.custom_vjp`, through which there is no forward mode."
                )
            names = [name for name in names if name != "forward"]
        functions = {name: at for name in names if name != "complex step"}
        if "complex step" in names and holomorphic is not None:
            functions["complex step"], same = blocks.function("holomorphic", holomorphic)
            if not abs(same - value) <= 1e-9 * abs(value) + 1e-12:  # either way of writing it may lose digits
                raise ValueError(
                    f"`holomorphic` must be the same function as `f`, got {same} where `f` is {value}; they may differ "
                    "in how they are written only."
                )
        everywhere = np.arange(len(blocks.theta))
        reverse = Answer("reverse", everywhere, *map(np.asarray, _jit(ways.reverse, at)(blocks.theta, everywhere)))
        gradient = reverse.value
        some = np.concatenate([_draw(rng, np.abs(gradient), where, entries) for where in blocks.slices.values()])
        rounding = float(jax.jit(partial(ways.rounding, at))(blocks.theta))
        answers = []
        for name, function in functions.items():
            if name == "reverse":
                answers.append(reverse)
                continue
            error = () if name in EXACT else (rounding,)
            answers.append(Answer(name, some, *map(np.asarray, _jit(WAYS[name], function)(blocks.theta, some, *error))))
        spread = np.zeros_like(gradient)
        for answer in answers:
            if answer.witness == "forward":
                spread[answer.index] = np.abs(answer.value - gradient[answer.index])
        return Testimony(blocks=blocks, rounding=rounding, spread=spread, answers=answers)


def one_by_one(gradient: Callable[[jax.Array], NDArray[np.float64]], points: jax.Array) -> jax.Array:
    """Return ``gradient`` at each of ``points``, called from Python: what a person wrote may be no JAX function."""
    return jnp.stack([gradient(point) for point in points])


def norm_of(vector: NDArray[np.float64]) -> float:
    """Return the Euclidean norm, also where squares would overflow or vanish."""
    largest = float(np.max(np.abs(vector), initial=0))
    return largest * float(np.linalg.norm(vector / largest)) if 0 < largest < np.inf else largest


def _jit(way: Callable[..., ways.Partials], function: Callable[[jax.Array], jax.Array]) -> Callable[..., ways.Partials]:
    return jax.jit(partial(way, function))


def _draw(rng: np.random.Generator, guess: NDArray[np.float64], where: slice, entries: int) -> NDArray[np.int64]:
    """Return the indices in ``where``, or if there are more than ``entries`` as many of them, in order.

    Half are those with the largest gradient: of an embedding, few entries have any.
    """
    index = np.arange(where.start, where.stop)
    if len(index) <= entries:
        return index
    by_size = index[np.argsort(-np.nan_to_num(guess[where]), kind="stable")]
    largest, others = np.split(by_size, [(entries + 1) // 2])
    return np.sort(np.concatenate([largest, rng.choice(others, entries // 2, replace=False)]))
