"""Hyperparameters of a model from a command line: ``--prior-sd 2``, ``--prior-mean "[0, 1]"``."""

import json
import re
from collections.abc import Collection
from dataclasses import fields, replace
from inspect import cleandoc
from typing import Any

import numpy as np

HELP = ("--help", "-h")


def option_pairs(arguments: list[str], flags: Collection[str]) -> list[tuple[str, str]]:
    """Return the arguments as pairs of an option and its value; a positional argument has the option ``""``.

    Every option but ``flags``, which have no value, takes the next argument. The names of options are not known yet:
    the model's hyperparameters are among them. ValueError if an argument or a value is empty.
    """
    pairs: list[tuple[str, str]] = []
    remaining = iter(arguments)
    for argument in remaining:
        if not argument:
            raise ValueError("an argument is empty; leave it out, or say what it is.")
        if not argument.startswith("--") and argument not in HELP:
            pairs.append(("", argument))
            continue
        option, equals, value = argument.partition("=")
        option = option.replace("_", "-")
        if option in flags or option in HELP:
            continue
        text = value if equals else next(remaining, None)
        if text == "":
            raise ValueError(f"`{option.removeprefix('--')}` is empty; write {option} VALUE.")
        if text is not None:  # the parser of options reports what is missing
            pairs.append((option, text))
    return pairs


def join_values(arguments: list[str], exact: Any) -> list[str]:
    """Return the arguments with each hyperparameter of ``exact`` and its value as one: ``--prior-sd=-1e3``.

    A value may begin with a minus sign and be no number that a parser of options knows as one. ValueError if there is
    no value.
    """
    names = {f"--{field.name.replace('_', '-')}": field.name for field in fields(exact)}
    result: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        option, equals, value = argument.partition("=")
        option = option.replace("_", "-")
        if option not in names:
            result.append(argument)
            continue
        text = value if equals else next(remaining, None)
        if text is None:
            raise ValueError(f"`{names[option]}` has no value; write {option} VALUE.")
        result.append(f"{option}={text}")
    return result


def with_values(exact: Any, texts: dict[str, str]) -> Any:
    """Return ``exact`` with hyperparameters from ``texts``; ValueError if one is no number or array of numbers."""
    values = {}
    for name, text in texts.items():
        try:
            values[name] = json.loads(re.sub(r"[^\s\[\],]+", _to_json, text))
            np.asarray(values[name], dtype=float)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"`{name}` must be a number, or numbers in brackets such as [1, 2], got {text[:40]!r}."
            ) from error
    return replace(exact, **values)


def descriptions(exact: Any) -> dict[str, str]:
    """Return each hyperparameter's text in the docstring of a model; none where docstrings are left out (-OO)."""
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n", cleandoc(exact.__doc__ or "") + "\n\n", re.DOTALL)
    entries = re.findall(r"(?m)^(\S.*)\n((?: +.*\n?)+)", section[1] if section else "")
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def format_value(value: Any) -> str:
    """Return the value of a hyperparameter as it is written on a command line, or its shape if it is long."""
    text = json.dumps(np.asarray(value).tolist())
    return text if len(text) <= 40 else f"{' x '.join(map(str, np.shape(value)))} numbers"


def _to_json(word: re.Match[str]) -> str:
    """Return a number as JSON has it, of one as Python's float has it, such as ``.5`` and ``+2``."""
    if "_" in word[0]:
        raise ValueError("float takes 1_000")
    if len(word[0]) < 300 and re.fullmatch(r"[+-]?[0-9]+", word[0]):  # longer ones are infinite, which models refuse
        return str(int(word[0]))
    return json.dumps(float(word[0]))
