"""What each method of `nets.gradcheck.derivatives` says of a gradient, and a gradient held to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import derivatives
from nets.gradcheck._leaves import Blocks, finite
from nets.gradcheck._reduced_programs import Reduced
from nets.gradcheck.results import JAX_GRAD, GradientChecks
from nets.gradcheck.verdicts import DIFFERENCES, TOLERANCE, Answer, Evidence, Subject, checks_of, norm_of

Function = Callable[[Any], jax.Array]

ROUNDING_KNOWN = 1e-10
"""Rounding of a gradient that is less, relative to its block, needs no second look."""
NO_RULE = (NotImplementedError, ValueError, TypeError)
"""What JAX raises where an operation has no derivative in one mode."""


@dataclass(frozen=True, kw_only=True)
class Testimony:
    """What the witnesses say of f at one point, so that several gradients may be held to it."""

    evidence: Evidence
    no_reverse: str
    """Why there is no ``jax.grad``, '' if there is one."""

    def about(self, subject: str, gradient: Callable[[Any], Any]) -> GradientChecks:
        """Return the checks of the tree ``gradient(params)``; errors as in `compare_gradients`."""
        blocks = self.evidence.blocks
        with jax.enable_x64(True):
            return _about(self.evidence, subject, *hand_on(blocks, gradient, self.evidence.f, subject))

    def about_reverse(self) -> GradientChecks:
        """Return the checks of ``jax.grad`` itself; ValueError if there is none."""
        reverse = self.evidence.reverse
        if reverse is None:
            raise ValueError(
                f"`by_hand` must be given where `jax.grad` of `f` does not exist, got None: {self.no_reverse}"
            )
        others = [answer for answer in self.evidence.answers if answer.witness != "reverse"]
        with jax.enable_x64(True):
            return _about(replace(self.evidence, answers=others), JAX_GRAD, reverse, lower=False)


def _about(evidence: Evidence, name: str, gradient: Callable[[jax.Array], Any], lower: bool) -> GradientChecks:
    if not evidence.answers:
        raise ValueError(
            f"`witnesses` must name one that {name} can be held to, got none; the complex step needs "
            "`holomorphic`, and reverse mode is no witness to itself."
        )
    theta, slices = evidence.blocks.theta, evidence.blocks.slices
    stated = derivatives.measured(gradient, theta, one_by_one)
    rounding = own_rounding(gradient, theta, stated, slices)
    return checks_of(evidence, Subject(name, gradient, np.asarray(stated.value), rounding, lower))


def own_rounding(
    gradient: Callable[[jax.Array], Any], theta: jax.Array, stated: derivatives.Partials, slices: dict[str, slice]
) -> NDArray[np.float64]:
    """Return the rounding in ``gradient``, (P,), which as ``stated`` may be a jump of its own at the point."""
    value, rounding = np.asarray(stated.value), np.nan_to_num(np.asarray(stated.uncertainty), posinf=0.0)
    unsure = [
        where
        for where in slices.values()
        if norm_of(rounding[where]) > ROUNDING_KNOWN * norm_of(np.nan_to_num(value[where]))
    ]
    if unsure:
        beside = np.asarray(derivatives.rounding_beside(gradient, theta, one_by_one))
        for where in unsure:
            rounding[where] = np.fmin(rounding[where], beside[where])
    return rounding


def ask(
    f: Function,
    params: Any,
    *,
    holomorphic: Function | None = None,
    witnesses: Sequence[str] | None = None,
    entries: int = 1000,
    seed: int = 0,
    has_aux: bool = False,
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
    names = list(TOLERANCE) if witnesses is None else list(witnesses)
    with jax.enable_x64(True):
        blocks = Blocks.of(params)
        theta = blocks.theta
        at = blocks.function("f", f, has_aux=has_aux)
        missing: dict[str, str] = {}
        both = jax.jit(jax.value_and_grad(at))
        try:
            value, gradient = both(theta)
        except NO_RULE as error:
            missing["reverse"] = str(error).splitlines()[0]
            value, gradient = jax.jit(at)(theta), jnp.zeros_like(theta)
        value, gradient = finite("f", value), np.asarray(gradient)
        if at.has_custom_vjp:
            missing["forward"] = "`f` has a `jax.custom_vjp`, through which there is no forward mode."
        elif "forward" in names:
            try:
                jax.eval_shape(lambda theta: jax.jvp(at, (theta,), (theta,)), theta)
            except NO_RULE as error:
                missing["forward"] = str(error).splitlines()[0]
        for name in witnesses or ():
            if name in missing:
                raise ValueError(f"`witnesses` must leave out {name!r}, got {names}: {missing[name]}")
        some = np.concatenate([_draw(rng, np.abs(gradient), where, entries) for where in blocks.slices.values()])
        said: dict[str, derivatives.Partials] = {}
        if "forward" in names and "forward" not in missing:
            said["forward"] = jax.jit(partial(derivatives.forward, at))(theta, some)
        values = derivatives.Values(at, theta)
        rounding = derivatives.rounding(values, theta)
        asked = [name for name in names if name in DIFFERENCES]
        said |= zip(asked, derivatives.differences(values, asked, theta, some, rounding), strict=True)
        if "reverse" in names and "reverse" not in missing:
            said["reverse"] = derivatives.measured(lambda point: both(point)[1], theta, one_by_one)
        if "complex step" in names and holomorphic is not None:
            at_complex = blocks.function("holomorphic", holomorphic, has_aux=has_aux, dtype=jnp.complex128)
            same, said["complex step"] = jax.jit(partial(derivatives.value_and_complex_step, at_complex))(theta, some)
            same = finite("holomorphic", same)
            if not abs(same - value) <= 1e-9 * abs(value) + 1e-12:  # either way of writing it may lose digits
                raise ValueError(
                    f"`holomorphic` must be the same function as `f`, got {same} where `f` is {value}; they may differ "
                    "in how they are written only."
                )
        answers = [
            Answer(
                name,
                np.arange(len(theta)) if name == "reverse" else some,
                derivatives.Partials(*map(np.asarray, said[name])),
            )
            for name in sorted(names, key=lambda name: name == "complex step")
            if name in said
        ]
        evidence = Evidence(
            blocks=blocks,
            f=at,
            values=values,
            rounding=rounding,
            reverse=None if "reverse" in missing else lambda point: both(point)[1],
            gradient=gradient,
            size=np.asarray(derivatives.scale(theta)),
            asked=some,
            answers=answers,
        )
        return Testimony(evidence=evidence, no_reverse=missing.get("reverse", ""))


def one_by_one(gradient: Callable[[jax.Array], Any], points: jax.Array) -> jax.Array:
    """Return ``gradient`` at each of ``points``, called from Python: what a person wrote may be no JAX function."""
    return jnp.asarray(np.stack([gradient(jnp.asarray(point)) for point in np.asarray(points)]))


def hand_on(
    blocks: Blocks, by_hand: Callable[[Any], Any], f: Reduced, name: str = "by_hand"
) -> tuple[Callable[[jax.Array], NDArray[np.float64]], bool]:
    """Return ``by_hand`` as a function of the vector, and whether something in it is rounded to float32.

    What it takes of closed-over arrays is then computed as in ``f``, operation by operation and not by XLA.
    """

    def of_vector(theta: jax.Array) -> Any:
        return by_hand(blocks.tree(theta))

    called, lower = of_vector, f.computed_in_lower_precision
    try:
        reduced = Reduced.of(of_vector, blocks.theta)
    except Exception:  # what a person wrote may be no JAX function, and what is wrong with it shows when called
        reduced = None
    if reduced is not None:
        lower = reduced.computed_in_lower_precision or reduced.rounds_in_lower_precision
        called = reduced if lower else of_vector
    return lambda theta: blocks.vector(name, called(theta)), lower


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
