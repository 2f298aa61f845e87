"""Mutants of the source of a derivation: copies of its module with one mistake each.

Each mutation operator below makes one kind of mistake. A mutant has one mistake in one place of one function. New lines
of a derivation are mutated, and so tested, too.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Mutant(NamedTuple):
    operator: str
    place: str
    """Function, line and change."""
    change: str
    """The original code and its replacement."""
    namespace: dict[str, Any]
    """The names of the mutated module."""


def _is(node, op):
    return isinstance(node, ast.BinOp) and isinstance(node.op, op)


def _first_factor(node):
    return _first_factor(node.left) if _is(node, ast.Mult) else node


def missing_factor(node):
    if _is(node, ast.Mult):
        yield node.left
        yield node.right


def forgotten_slope(node):
    """z (1 - z), two factors at once."""
    if _is(node, ast.Mult) and _is(node.left, ast.Mult):
        yield _first_factor(node)


def sign(node):
    if _is(node, ast.Add):
        yield ast.BinOp(node.left, ast.Sub(), node.right)
    elif _is(node, ast.Sub):
        yield ast.BinOp(node.left, ast.Add(), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def missing_term(node):
    if _is(node, ast.Add):
        yield node.left
        yield node.right


def missing_mean(node):
    if _is(node, ast.Div):
        yield node.left


def transpose(node):
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif _is(node, ast.MatMult):
        yield ast.Attribute(node, "T", ast.Load())
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "jnp.outer":
        yield ast.Call(node.func, node.args[::-1], [])
    elif isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "(p, q)":
        yield ast.Subscript(node.value, ast.Tuple(node.slice.elts[::-1], ast.Load()), ast.Load())


def wrong_axis(node):
    if isinstance(node, ast.Call):
        for i, keyword in enumerate(node.keywords):
            if keyword.arg == "axis":
                axes = ast.literal_eval(keyword.value)
                other = 1 - axes if isinstance(axes, int) else tuple(axis + 1 for axis in axes)
                mutated = copy.deepcopy(node)
                mutated.keywords[i].value = ast.Constant(other)
                yield mutated


def wrong_condition(node):
    if isinstance(node, ast.Compare):
        yield ast.Compare(node.left, [ast.NotEq()], node.comparators)


def forgotten_layer(node):
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "relu_vjp":
        yield node.args[-1]


OPERATORS: list[Callable[[ast.AST], Iterator[ast.AST]]] = [
    missing_factor,
    forgotten_slope,
    sign,
    missing_term,
    missing_mean,
    transpose,
    wrong_axis,
    wrong_condition,
    forgotten_layer,
]


def mutants(module: Any, function: str) -> Iterator[Mutant]:
    """Yield every mutant of ``function`` of ``module``, and one with a 0.1 % error in each leaf it returns."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    target = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    for statement in target.body[1:]:  # behind the docstring
        for node in ast.walk(statement):
            for operator in OPERATORS:
                for replacement in operator(node):
                    yield _mutant(tree, function, node, replacement, operator.__name__.replace("_", " "))
            for leaf in _returned(node):
                scaled = ast.BinOp(copy.deepcopy(leaf), ast.Mult(), ast.Constant(1.001))
                yield _mutant(tree, function, leaf, scaled, "0.1 % error")


def _returned(node):
    """The leaves of a returned gradient: values of a dictionary, arguments of a LayerGradient, or the one array."""
    if isinstance(node, ast.Return):
        value = node.value
        if isinstance(value, ast.Dict):
            yield from value.values
        elif isinstance(value, ast.Call) and value.keywords:
            yield from (keyword.value for keyword in value.keywords)
        elif not isinstance(value, ast.Tuple):
            yield value


def _mutant(tree, function, node, replacement, operator):
    node.mutated = True  # deepcopy keeps it
    changed = _Replace(replacement).visit(copy.deepcopy(tree))
    del node.mutated
    namespace: dict[str, Any] = {"__name__": "mutant"}
    exec(compile(ast.fix_missing_locations(changed), "<mutant>", "exec"), namespace)
    change = f"{ast.unparse(node)} -> {ast.unparse(replacement)}"
    return Mutant(operator, f"{function}, line {node.lineno}: {change}", change, namespace)


class _Replace(ast.NodeTransformer):
    def __init__(self, replacement):
        self.replacement = copy.deepcopy(replacement)

    def visit(self, node):
        return self.replacement if hasattr(node, "mutated") else self.generic_visit(node)
