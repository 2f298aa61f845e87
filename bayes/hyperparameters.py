"""Hyperparameters of a model from a command line: ``--prior-sd 2``, ``--prior-mean "[0, 1]"``."""

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np


def split(arguments: list[str], exact: Any) -> tuple[dict[str, str], list[str]]:
    """Return the arguments that set hyperparameters of ``exact``, by name, and all others in their order.

    ValueError if one of them has no value.
    """
    names = {f"--{field.name.replace('_', '-')}": field.name for field in fields(exact)}
    given: dict[str, str] = {}
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        option = option.replace("_", "-")
        if option not in names:
            others.append(argument)
            continue
        text = value if equals else next(rest, None)
        if text is None:
            raise ValueError(f"`{names[option]}` has no value; write {option} VALUE.")
        given[names[option]] = text
    return given, others


def changed(exact: Any, given: dict[str, str]) -> Any:
    """Return ``exact`` with the hyperparameters ``given`` as JSON; ValueError if one is no number or array of them."""
    values = {}
    for name, text in given.items():
        try:
            values[name] = json.loads(text, parse_int=_whole)
            np.asarray(values[name], dtype=float)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"`{name}` must be a number, or numbers in brackets such as [1, 2], got {text[:40]!r}."
            ) from error
    return replace(exact, **values)


def _whole(text: str) -> int | float:
    """Return an int, or beyond what Python turns into a float, infinity, which every model refuses."""
    return int(text) if len(text) < 300 else float(text)
