"""A function reduced to the operations that its value needs, so that every method differentiates the same numbers.

Operations that do not depend on the argument, such as the scaling of images in float32, run once, one by one: XLA
rounds them differently in each program that it compiles. Operations that the value does not need are left out: running
statistics, metrics that are not returned, ``jax.debug.print``. The remaining operations show whether a value that
depends on the argument loses precision.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal
from jax.interpreters import partial_eval

PRINTS = {"debug_callback", "debug_print"}
EXACT_PRIMITIVES = {
    "broadcast_in_dim", "concatenate", "convert_element_type", "copy", "dynamic_slice", "gather", "iota", "pad",
    "reshape", "rev", "select_n", "slice", "split", "squeeze", "transpose",
}  # fmt: skip
"""Operations that round nothing."""


@dataclass(frozen=True)
class Slot:
    """A value that depends on the argument."""

    number: int


@dataclass(frozen=True, eq=False)
class Step:
    """One operation, with its inputs and outputs."""

    equation: JaxprEqn
    inputs: list[Any]
    outputs: list[Slot]


@dataclass(frozen=True, eq=False)
class ReducedProgram:
    """The remaining operations of a function; call it as the function itself."""

    argument: Slot
    steps: Sequence[Step]
    results: Sequence[Any]
    treedef: Any
    shapes: Any
    """What ``jax.eval_shape`` returns for the function."""
    computed_in_lower_precision: bool
    """Whether a value that was computed beforehand is rounded to float32 or less."""

    @classmethod
    def of(cls, function: Callable[[jax.Array], Any], at: jax.Array) -> "ReducedProgram":
        """Return the reduced program of ``function`` for arguments like ``at``."""
        with warnings.catch_warnings():
            # Running statistics in float32 receive a float64 here, and are left out below.
            warnings.filterwarnings("ignore", message="scatter inputs have incompatible types", category=FutureWarning)
            closed, shapes = jax.make_jaxpr(function, return_shape=True)(at)
        jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
        steps: list[Step] = []
        counter = iter(range(10**12))
        argument = Slot(next(counter))
        results = _walk(jaxpr, closed.consts, [argument], steps, lambda: Slot(next(counter)))
        needed = {value for value in results if isinstance(value, Slot)}
        needed_steps = []
        for step in reversed(steps):  # the others are needed by a print only
            if needed.intersection(step.outputs):
                needed_steps.append(step)
                needed.update(value for value in step.inputs if isinstance(value, Slot))
        constant = {id(equation) for equation in _all(jaxpr)} - {id(step.equation) for step in needed_steps}
        rounded = any(id(equation) in constant and _rounds(equation) for equation in _all(jaxpr))
        return cls(argument, needed_steps[::-1], results, jax.tree.structure(shapes), shapes, rounded)

    def __call__(self, argument: jax.Array) -> Any:
        values = {self.argument: argument}

        def lookup(value: Any) -> Any:
            return values[value] if isinstance(value, Slot) else value

        for step in self.steps:
            outputs = _bind(step.equation, [lookup(value) for value in step.inputs])
            values.update(zip(step.outputs, outputs, strict=True))
        return jax.tree.unflatten(self.treedef, [jnp.asarray(lookup(value)) for value in self.results])

    @property
    def has_custom_vjp(self) -> bool:
        """Whether the function has a ``jax.custom_vjp``, which `jax.jvp` cannot differentiate."""
        return any(equation.primitive.name.startswith("custom_vjp") for equation in self._equations())

    @property
    def rounds_in_lower_precision(self) -> bool:
        """Whether a value that could not be computed beforehand is rounded to float32 or less."""
        return any(_rounds(equation) for equation in self._equations())

    def lower_precision(self) -> tuple[str, str] | None:
        """Return dtype and line of the first cast of a value that depends on the argument, None if there is none."""
        for step in self.steps:
            cast, _ = _cast(step.equation, [isinstance(value, Slot) for value in step.inputs])
            if cast is not None:
                lower = next(dtype for dtype in map(_dtype, cast.outvars) if _is_lower(dtype))
                return str(lower), _line(cast) or _line(step.equation)
        return None

    def _equations(self) -> Iterator[JaxprEqn]:
        for step in self.steps:
            yield step.equation
            for jaxpr in _inner(step.equation):
                yield from _all(jaxpr)


def _walk(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], steps: list[Step], new: Callable[[], Slot]) -> Any:
    """Return the results of ``jaxpr``: constants are computed, the others are slots that the new ``steps`` fill."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else env[atom]

    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in PRINTS:
            continue
        inputs = [read(atom) for atom in equation.invars]
        if name in ("jit", "pjit", "closed_call"):  # also if it is constant: compiled, it might be rounded differently
            inner = equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
            outputs = _walk(inner.jaxpr, inner.consts, inputs, steps, new)
        elif not any(isinstance(value, Slot) for value in inputs):
            outputs = _bind(equation, inputs)
        else:
            outputs = [new() for _ in equation.outvars]
            steps.append(Step(equation, inputs, outputs))
        env.update(zip(equation.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _bind(equation: JaxprEqn, inputs: Sequence[Any]) -> list[Any]:
    with equation.ctx.manager:
        outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(equation.params))
    return list(outputs) if equation.primitive.multiple_results else [outputs]


def _inner(equation: JaxprEqn) -> Iterator[Jaxpr]:
    for value in jax.tree.leaves(list(equation.params.values())):
        jaxpr = getattr(value, "jaxpr", value)  # of a closed one
        if hasattr(jaxpr, "eqns"):
            yield jaxpr


def _all(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    for equation in jaxpr.eqns:
        yield equation
        for inner in _inner(equation):
            yield from _all(inner)


def _rounds(equation: JaxprEqn) -> bool:
    """Say whether an operation rounds its result to float32 or less."""
    lower = any(_is_lower(_dtype(out)) for out in equation.outvars)
    return lower and equation.primitive.name not in EXACT_PRIMITIVES and not any(True for _ in _inner(equation))


def _dtype(atom: Any) -> Any:
    return getattr(atom.aval, "dtype", np.dtype(bool))  # a token has none


def _is_lower(dtype: Any) -> bool:
    return (jnp.issubdtype(dtype, jnp.floating) and dtype != jnp.float64) or dtype == jnp.complex64


def _cast(equation: JaxprEqn, depends: list[bool]) -> tuple[JaxprEqn | None, list[bool]]:
    """Return the operation that casts a float64 that depends on the argument, and which outputs depend on it."""
    outputs = [any(depends)] * len(equation.outvars)
    if not any(depends):
        return None, outputs
    jaxprs = list(_inner(equation))
    for jaxpr in jaxprs:
        size = len(jaxpr.invars)
        # The last inputs of a loop or a branch are those of its body; for a loop's condition, assume all.
        flags = depends[-size:] if jaxpr is jaxprs[-1] or equation.primitive.name == "cond" else [True] * size
        while True:
            cast, inner = _cast_in(jaxpr, flags)
            if cast is not None:
                return cast, outputs
            carried = list(flags)
            if equation.primitive.name in ("scan", "while"):  # the outputs are inputs again
                first = equation.params.get("num_consts", size - len(inner))
                count = equation.params.get("num_carry", len(inner))
                for i, flag in enumerate(inner[:count] if jaxpr is jaxprs[-1] else []):
                    carried[first + i] |= flag
            if carried == flags:
                break
            flags = carried
    if jaxprs:
        return None, outputs
    lower = any(_is_lower(_dtype(out)) for out in equation.outvars)
    double = [
        _dtype(atom) in (jnp.float64, jnp.complex128)
        for atom, flag in zip(equation.invars, depends, strict=True)
        if flag
    ]
    return (equation if lower and any(double) else None), outputs


def _cast_in(jaxpr: Jaxpr, depends: Sequence[bool]) -> tuple[JaxprEqn | None, list[bool]]:
    dependent = {var for var, flag in zip(jaxpr.invars, depends, strict=True) if flag}
    for equation in jaxpr.eqns:
        if equation.primitive.name in PRINTS:
            continue
        flags = [not isinstance(atom, Literal) and atom in dependent for atom in equation.invars]
        cast, outputs = _cast(equation, flags)
        if cast is not None:
            return cast, []
        dependent.update(var for var, flag in zip(equation.outvars, outputs, strict=True) if flag)
    return None, [not isinstance(atom, Literal) and atom in dependent for atom in jaxpr.outvars]


def _line(equation: JaxprEqn) -> str:
    """Return file and line of the user's code that made an operation, '' if unknown."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        path = Path(frame.file_name)
        if "site-packages" not in path.parts and path.parent != Path(__file__).parent:
            return f"{path.name}, line {frame.line_num}"
    return ""
