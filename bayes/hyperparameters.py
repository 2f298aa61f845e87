"""Hyperparameters of a model from a command line: ``--prior-sd 2``, ``--prior-mean "[0, 1]"``."""

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np


def joined(arguments: list[str], exact: Any) -> list[str]:
    """Return the arguments with each hyperparameter of ``exact`` and its value as one: ``--prior-sd=-1e3``.

    A value may begin with a minus sign and be no number that a parser of options knows as one. ValueError if there is
    no value.
    """
    names = {f"--{field.name.replace('_', '-')}": field.name for field in fields(exact)}
    found: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        option = option.replace("_", "-")
        if option not in names:
            found.append(argument)
            continue
        text = value if equals else next(rest, None)
        if text is None:
            raise ValueError(f"`{names[option]}` has no value; write {option} VALUE.")
        found.append(f"{option}={text}")
    return found


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


def shown(value: Any) -> str:
    """Return the value of a hyperparameter as it is written on a command line, or its shape if it is long."""
    text = json.dumps(np.asarray(value).tolist())
    return text if len(text) <= 40 else f"{' x '.join(map(str, np.shape(value)))} numbers"


def _whole(text: str) -> int | float:
    """Return an int, or beyond what Python turns into a float, infinity, which every model refuses."""
    return int(text) if len(text) < 300 else float(text)
