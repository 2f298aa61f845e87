"""A function reduced to what its value takes of its argument, so that every way to its gradient sees the same numbers.

What does not depend on the argument, such as images scaled in float32, is computed once, operation by operation: XLA
rounds it otherwise in each program that it compiles. What the value does not need is left out: running statistics,
metrics that are not returned, ``jax.debug.print``. What is left shows whether the argument loses precision on its way.
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
MOVES = {
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
    """One operation, and where its inputs are from and its outputs go."""

    equation: JaxprEqn
    inputs: list[Any]
    outputs: list[Slot]


@dataclass(frozen=True, eq=False)
class Reduced:
    """What is left of a function; call it as the function itself."""

    argument: Slot
    steps: Sequence[Step]
    results: Sequence[Any]
    treedef: Any
    shapes: Any
    """What the function returns, as ``jax.eval_shape`` has it."""
    computed_in_lower_precision: bool
    """Whether something that was computed beforehand is rounded to float32 or less."""

    @classmethod
    def of(cls, function: Callable[[jax.Array], Any], at: jax.Array) -> "Reduced":
        """Return what is left of ``function`` for arguments like ``at``."""
        with warnings.catch_warnings():
            # Running statistics kept in float32 are given a float64 here, and left out below.
            warnings.filterwarnings("ignore", message="scatter inputs have incompatible types", category=FutureWarning)
            closed, shapes = jax.make_jaxpr(function, return_shape=True)(at)
        jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
        steps: list[Step] = []
        counter = iter(range(10**12))
        argument = Slot(next(counter))
        results = _walk(jaxpr, closed.consts, [argument], steps, lambda: Slot(next(counter)))
        needed = {value for value in results if isinstance(value, Slot)}
        left = []
        for step in reversed(steps):  # what only a print needed
            if needed.intersection(step.outputs):
                left.append(step)
                needed.update(value for value in step.inputs if isinstance(value, Slot))
        known = {id(equation) for equation in _all(jaxpr)} - {id(step.equation) for step in left}
        rounded = any(id(equation) in known and _rounds(equation) for equation in _all(jaxpr))
        return cls(argument, left[::-1], results, jax.tree.structure(shapes), shapes, rounded)

    def __call__(self, argument: jax.Array) -> Any:
        values = {self.argument: argument}

        def known(value: Any) -> Any:
            return values[value] if isinstance(value, Slot) else value

        for step in self.steps:
            made = _bind(step.equation, [known(value) for value in step.inputs])
            values.update(zip(step.outputs, made, strict=True))
        return jax.tree.unflatten(self.treedef, [jnp.asarray(known(value)) for value in self.results])

    @property
    def has_custom_vjp(self) -> bool:
        """Whether there is a ``jax.custom_vjp`` in it, through which `jax.jvp` cannot go."""
        return any(equation.primitive.name.startswith("custom_vjp") for equation in self._equations())

    @property
    def rounds_in_lower_precision(self) -> bool:
        """Whether something in it that could not be computed beforehand is in float32 or less."""
        return any(_rounds(equation) for equation in self._equations())

    def lower_precision(self) -> tuple[str, str] | None:
        """Return dtype and line of the first cast of what depends on the argument, None if there is none."""
        for step in self.steps:
            found, _ = _cast(step.equation, [isinstance(value, Slot) for value in step.inputs])
            if found is not None:
                low = next(dtype for dtype in map(_dtype, found.outvars) if _is_lower(dtype))
                return str(low), _line(found) or _line(step.equation)
        return None

    def _equations(self) -> Iterator[JaxprEqn]:
        for step in self.steps:
            yield step.equation
            for jaxpr in _inner(step.equation):
                yield from _all(jaxpr)


def _walk(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], steps: list[Step], new: Callable[[], Slot]) -> Any:
    """Return the results of ``jaxpr``, computed if they are known, else as slots that the ``steps`` added fill."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else env[atom]

    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in PRINTS:
            continue
        inputs = [read(atom) for atom in equation.invars]
        if name in ("jit", "pjit", "closed_call"):  # also where all is known: compiled, it might be rounded otherwise
            inner = equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
            made = _walk(inner.jaxpr, inner.consts, inputs, steps, new)
        elif not any(isinstance(value, Slot) for value in inputs):
            made = _bind(equation, inputs)
        else:
            made = [new() for _ in equation.outvars]
            steps.append(Step(equation, inputs, made))
        env.update(zip(equation.outvars, made, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _bind(equation: JaxprEqn, inputs: Sequence[Any]) -> list[Any]:
    with equation.ctx.manager:
        made = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(equation.params))
    return list(made) if equation.primitive.multiple_results else [made]


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
    low = any(_is_lower(_dtype(out)) for out in equation.outvars)
    return low and equation.primitive.name not in MOVES and not any(True for _ in _inner(equation))


def _dtype(atom: Any) -> Any:
    return getattr(atom.aval, "dtype", np.dtype(bool))  # a token has none


def _is_lower(dtype: Any) -> bool:
    return (jnp.issubdtype(dtype, jnp.floating) and dtype != jnp.float64) or dtype == jnp.complex64


def _cast(equation: JaxprEqn, depends: list[bool]) -> tuple[JaxprEqn | None, list[bool]]:
    """Return the operation that rounds a float64 that depends on the argument, and which outputs depend on it."""
    outputs = [any(depends)] * len(equation.outvars)
    if not any(depends):
        return None, outputs
    jaxprs = list(_inner(equation))
    for jaxpr in jaxprs:
        wanted = len(jaxpr.invars)
        # The last inputs of a loop or a branch are those of its body; of a loop's condition all may be meant.
        flags = depends[-wanted:] if jaxpr is jaxprs[-1] or equation.primitive.name == "cond" else [True] * wanted
        while True:
            found, inner = _cast_in(jaxpr, flags)
            if found is not None:
                return found, outputs
            carried = list(flags)
            if equation.primitive.name in ("scan", "while"):  # what comes out goes in again
                first = equation.params.get("num_consts", wanted - len(inner))
                count = equation.params.get("num_carry", len(inner))
                for i, flag in enumerate(inner[:count] if jaxpr is jaxprs[-1] else []):
                    carried[first + i] |= flag
            if carried == flags:
                break
            flags = carried
    if jaxprs:
        return None, outputs
    low = any(_is_lower(_dtype(out)) for out in equation.outvars)
    high = [
        _dtype(atom) in (jnp.float64, jnp.complex128)
        for atom, flag in zip(equation.invars, depends, strict=True)
        if flag
    ]
    return (equation if low and any(high) else None), outputs


def _cast_in(jaxpr: Jaxpr, depends: Sequence[bool]) -> tuple[JaxprEqn | None, list[bool]]:
    depending = {var for var, flag in zip(jaxpr.invars, depends, strict=True) if flag}
    for equation in jaxpr.eqns:
        if equation.primitive.name in PRINTS:
            continue
        flags = [not isinstance(atom, Literal) and atom in depending for atom in equation.invars]
        found, outputs = _cast(equation, flags)
        if found is not None:
            return found, []
        depending.update(var for var, flag in zip(equation.outvars, outputs, strict=True) if flag)
    return None, [not isinstance(atom, Literal) and atom in depending for atom in jaxpr.outvars]


def _line(equation: JaxprEqn) -> str:
    """Return file and line of a person's that made an operation, '' if none is known."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        path = Path(frame.file_name)
        if "site-packages" not in path.parts and path.parent != Path(__file__).parent:
            return f"{path.name}, line {frame.line_num}"
    return ""
