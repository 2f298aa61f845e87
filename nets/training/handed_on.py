"""Which results of a function are its inputs: calls, loops and branches hand them on as other arrays of a trace."""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def changed(function: Callable[..., dict[str, tuple[jax.Array, jax.Array]]], *shapes: Any) -> list[str]:
    """Return the names for which ``function`` of arrays of these shapes returns two arrays that may differ.

    It returns pairs of arrays. Those of a pair are equal for all values if one is the other, handed on perhaps by
    functions within it that JAX transforms: `jit`, `remat`, `scan`, `while_loop` and `cond`.
    """
    jaxpr, pairs = jax.make_jaxpr(function, return_shape=True)(*shapes)
    origins = iter([_origin(jaxpr.jaxpr, variable) for variable in jaxpr.jaxpr.outvars])
    return [name for name in sorted(pairs) if next(origins) is not next(origins)]


def _origin(jaxpr: Jaxpr, variable: Any) -> Any:
    """Return the first variable of ``jaxpr`` that has the value of ``variable`` because it is handed on."""
    for equation in reversed(jaxpr.eqns):
        place = _place(equation.outvars, variable)
        source = None if place is None else _input(equation, place)
        if source is not None:
            variable = equation.invars[source]
    return variable


def _input(equation: JaxprEqn, place: int) -> int | None:
    """Return which input of an equation its output at ``place`` is, or None if it is another value."""
    numbers = equation.params
    if "branches" in numbers:  # of cond, whose first input decides
        inputs = {_input_of_body(branch, place) for branch in numbers["branches"]}
        found = inputs.pop() if len(inputs) == 1 else None
        return None if found is None else 1 + found
    if "body_jaxpr" in numbers:  # of while: each output is an input if no step changes it
        found = _input_of_body(numbers["body_jaxpr"], place)
        return numbers["cond_nconsts"] + found if found == numbers["body_nconsts"] + place else None
    body = numbers.get("jaxpr", numbers.get("call_jaxpr"))
    if not isinstance(body, Jaxpr | ClosedJaxpr):
        return None
    found = _input_of_body(body, place)
    if found is not None and "num_carry" in numbers:  # of scan: the carry, or a slice of an array that is stacked again
        constants, carry = numbers["num_consts"], numbers["num_carry"]
        handed_on = found == constants + place if place < carry else found >= constants + carry
        return found if handed_on else None
    return found


def _input_of_body(body: Jaxpr | ClosedJaxpr, place: int) -> int | None:
    jaxpr = body.jaxpr if isinstance(body, ClosedJaxpr) else body
    return _place(jaxpr.invars, _origin(jaxpr, jaxpr.outvars[place]))


def _place(variables: Any, variable: Any) -> int | None:
    return next((place for place, other in enumerate(variables) if other is variable), None)
