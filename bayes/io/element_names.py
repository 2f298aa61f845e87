"""Names of elements in files and in the user's mappings: ``p[0]``, ``p[a]``, or in Stan's form ``p.1``.

Elsewhere in closedform an element is the name of its variable and an index. This module makes arrays of elements.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Labels = tuple[tuple[str, ...], ...]
"""Labels of the elements along each axis of a variable."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The names under which an array's elements are found."""

    shape: tuple[int, ...]
    names: dict[tuple[int, ...], str]
    """Index -> name of the element; () -> name of the variable, if it is found as a whole."""
    labels: Labels = ()


def layout(name: str, names: Iterable[str], where: str) -> Layout | None:
    """Return the layout of a variable that is among ``names``, as a whole or by its elements; None if it is not.

    Indices may begin with 0, 1 or another number. Labels keep their order. Raises ValueError, with ``where`` in the
    message, if elements are missing.
    """
    names = list(names)
    if name in names:
        return Layout(shape=(), names={(): name})
    matches = [re.fullmatch(re.escape(name) + r"(?:\[(.+)\]|((?:\.\d+)+))", element) for element in names]
    matches = [match for match in matches if match]
    if not matches:
        return None
    elements = ", ".join(match[0] for match in matches)[:200]
    places: dict[tuple[str, ...], str] = {}
    for match in matches:
        parts = [part.strip() for part in (match[1] or match[2][1:].replace(".", ",")).split(",")]
        place = tuple(str(int(part)) if re.fullmatch(r"\d+", part) else part for part in parts)
        if place in places:
            raise ValueError(f"{where} has one element of {name!r} twice, as {places[place]!r} and {match[0]!r}.")
        places[place] = match[0]
    if len({len(place) for place in places}) > 1:
        raise ValueError(f"{where} must have as many indices at every element of {name!r}, got {elements}.")
    if len({match[1] is None for match in matches}) > 1:  # some of them begin with 0 and some with 1
        raise ValueError(f"{where} names elements of {name!r} in two ways, {elements}; take one of them out.")
    rule = f"{where} must have numbers or labels at {name!r}, not both"
    axes = [_axis(parts, rule) for parts in zip(*places, strict=True)]
    shape = tuple(size for _, size, _ in axes)
    if len(places) != prod(shape):
        raise ValueError(f"{where} lacks some elements of {name!r} of shape {shape}: it has {elements}.")
    indices = zip(*(index for index, _, _ in axes), strict=True)
    labels = [names or tuple(map(str, range(size))) for _, size, names in axes] if any(axis[2] for axis in axes) else []
    return Layout(shape=shape, names=dict(zip(indices, places.values(), strict=True)), labels=tuple(labels))


def layouts(wanted: Iterable[str], names: Iterable[str], where: str) -> dict[str, Layout]:
    """Return the layout of every variable in ``wanted`` that is among ``names``."""
    names = list(names)
    return {name: place for name in wanted if (place := layout(name, names, where))}


def _axis(parts: tuple[str, ...], rule: str) -> tuple[list[int], int, tuple[str, ...]]:
    """Return, for one axis, the index of each part of a name, the length of the axis, and its labels if any."""
    numbers = [int(part) for part in parts if re.fullmatch(r"\d+", part)]
    if not numbers:
        labels = tuple(dict.fromkeys(parts))
        return [labels.index(part) for part in parts], len(labels), labels
    if len(numbers) < len(parts):
        raise ValueError(f"{rule}, got {', '.join(parts)[:200]}.")
    first = min(numbers)
    return [number - first for number in numbers], max(numbers) - first + 1, ()


def gathered(
    name: str, names: Iterable[str], values_of: Callable[[str], NDArray[Any]], where: str
) -> tuple[NDArray[Any], Labels] | None:
    """Return the draws of a variable, (chain, draw, ...), from its elements, and its labels; None if it is missing.

    ``values_of(name)`` returns the draws of one of ``names``. Raises ValueError, with ``where`` in the message, if
    elements are missing.
    """
    found = layout(name, names, where)
    if found is None:
        return None
    if () in found.names:
        return values_of(name), ()
    parts = {index: values_of(element) for index, element in found.names.items()}
    first = next(iter(parts.values())).shape[:2]
    for index, element in found.names.items():
        if parts[index].shape != first:
            raise ValueError(
                f"`draws[{element!r}]` must have the shape {first} of the first element, got {parts[index].shape}."
            )
    theta = np.empty((*first, *found.shape), np.result_type(*parts.values()))
    for index, values in parts.items():
        theta[(..., *index)] = values
    return theta, found.labels
