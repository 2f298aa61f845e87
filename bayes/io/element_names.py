"""Arrays whose elements have names: ``p[0]``, ``p[1]``, ..., or as Stan has it ``p.1``, ``p.2``, ..."""

import re
from collections.abc import Iterable, Mapping
from math import prod

import numpy as np
import xarray as xr

from bayes.io.draws import Draws, variable, variable_names


def gather(names: Iterable[str], draws: Draws) -> Draws:
    """Return ``draws`` with the arrays ``names`` put together where their elements have names of their own.

    ``p[0]``, ``p[1]``, ..., counted from 0 or from 1, or as Stan has it ``p.1``, ``p.2``, ..., become ``p``. ValueError
    if elements are missing.
    """
    names_in_draws = variable_names(draws)
    for name in names:
        places = {} if name in names_in_draws else elements_by_place(name, names_in_draws)
        if not places:
            continue
        shape = array_shape(name, places, "`draws`")
        first = np.shape(variable(next(iter(places.values())), draws))
        theta = np.empty((*first[:2], *shape))
        for place, element in places.items():
            values = variable(element, draws)
            if values.shape != first[:2]:
                raise ValueError(
                    f"`draws[{element!r}]` must have the shape {first[:2]} of the first element, got {values.shape}."
                )
            theta[(..., *place)] = values
        if isinstance(draws, xr.DataTree):
            dims = ("chain", "draw", *(f"{name}_dim_{i}" for i in range(len(shape))))
            draws = draws.copy()
            posterior = draws["posterior"].to_dataset().drop_vars(list(places.values()))
            draws["posterior"] = posterior.assign({name: (dims, theta)})
        else:
            draws = {other: draws[other] for other in draws if other not in places.values()} | {name: theta}
    return draws


def elements_by_place(name: str, names: Iterable[str]) -> dict[tuple[int, ...], str]:
    """Return place -> name of a variable: itself, or its elements counted from 0 or 1."""
    names = list(names)
    if name in names:
        return {(): name}
    places = {}
    for element in names:
        match = re.fullmatch(re.escape(name) + r"(?:\[(\d+(?:, ?\d+)*)\]|((?:\.\d+)+))", element)
        if match:
            places[tuple(map(int, re.findall(r"\d+", match[1] or match[2])))] = element
    if len({len(place) for place in places}) != 1:
        return places
    first = [min(axis) for axis in zip(*places, strict=True)]
    return {tuple(i - j for i, j in zip(place, first, strict=True)): element for place, element in places.items()}


def array_shape(name: str, places: Mapping[tuple[int, ...], str], where: str) -> tuple[int, ...]:
    """Return the shape of an array with elements at ``places``; ValueError, saying ``where``, if one is missing."""
    elements = ", ".join(places.values())[:200]
    if len({len(place) for place in places}) > 1:
        raise ValueError(f"{where} must have as many indices at every element of {name!r}, got {elements}.")
    shape = tuple(max(axis) + 1 for axis in zip(*places, strict=True))
    if len(places) != prod(shape):
        raise ValueError(f"{where} lacks some elements of {name!r} of shape {shape}: it has {elements}.")
    return shape
