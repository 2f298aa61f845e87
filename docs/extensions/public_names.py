"""Public names, defined here once: every name without an underscore in every module without an underscore.

They are read from the sources, so that a page that forgets one cannot also hide it.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
PACKAGES = ("bayes", "nets", "closedform")
"""The packages of the API reference. ``reports`` is a program, and no library."""

type Kind = Literal["function", "class", "data", "type"]


@dataclass(frozen=True)
class Name:
    """A public name of a module."""

    name: str
    kind: Kind
    members: tuple[str, ...] = ()
    """Of a class: its public methods and properties, and its fields."""
    origin: str = ""
    """The module that it comes from, of a name that a package only passes on."""
    literal: str = ""
    """Of data and types: the value as the source has it."""
    annotation: str = ""
    """Of data: its type, where the source has it."""
    doc: str = ""
    """Of data and types, whose docstrings Python does not keep: the string after them."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every public module, by its dotted name, with its file."""
    found = {}
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part.startswith("_") for part in parts):
                found[".".join(parts)] = file
    return found


def names(file: Path) -> list[Name]:
    """Return the public names of a module in the order of its source; of a package, also those that it passes on."""
    own = [*_names(ast.parse(file.read_text(encoding="utf-8")).body)]
    stub = file.with_suffix(".pyi")
    return [*_passed_on(stub), *own] if stub.exists() else own


def inventory(root: Path = ROOT) -> set[str]:
    """Return every public name with its module, and the public members of each class: what the reference must have."""
    expected = set()
    for module, file in modules(root).items():
        for name in names(file):
            expected.add(f"{module}.{name.name}")
            expected |= {f"{module}.{name.name}.{member}" for member in name.members}
    return expected


def _names(body: list[ast.stmt]) -> Iterator[Name]:
    for node, after in zip(body, [*body[1:], None], strict=True):
        for name in _name(node):
            if not name.name.startswith("_"):
                yield replace(name, doc=_string(after)) if name.kind in {"data", "type"} else name


def _string(node: ast.stmt | None) -> str:
    """Return the string that a statement is, without its indentation, and nothing if it is anything else."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
    return ""


def _name(node: ast.stmt) -> Iterator[Name]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield Name(name, "function")
        case ast.ClassDef(name=name):
            members = {member.name: None for member in _names(node.body)}  # a property may have a setter
            yield Name(name, "class", members=tuple(members))
        case ast.TypeAlias(name=ast.Name(id=name), value=value):
            yield Name(name, "type", literal=ast.unparse(value))
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            yield Name(name, "data", literal=ast.unparse(value) if value else "", annotation=ast.unparse(annotation))
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                elements = target.elts if isinstance(target, ast.Tuple) else [target]
                for element in elements:
                    if isinstance(element, ast.Name):
                        yield Name(element.id, "data", literal=ast.unparse(value))


def _passed_on(stub: Path) -> Iterator[Name]:
    """Yield the names in a stub, ``from .module import name as name``, each of the kind that it is in that module."""
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            folder = stub.parent.joinpath(*node.module.split("."))
            if folder.is_dir():  # a subpackage under a shorter name: its own page has its names
                continue
            file = folder.with_suffix(".py")
            package = ".".join(stub.parent.relative_to(ROOT).parts)
            kinds: dict[str, Kind] = {name.name: name.kind for name in names(file)}
            for alias in node.names:
                yield Name(alias.name, kinds[alias.name], origin=f"{package}.{node.module}")
