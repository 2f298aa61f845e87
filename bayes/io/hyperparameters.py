"""Hyperparameters of a model from a command line, such as ``--prior-sd 2`` and ``--prior-mean "[0, 1]"``."""

import json
import re
from dataclasses import replace
from inspect import cleandoc
from typing import Any

import numpy as np

from bayes.exact.scale_priors import ScalePrior


def with_values(exact: Any, texts: dict[str, str]) -> Any:
    """Return ``exact`` with hyperparameters from ``texts``.

    Raises ValueError if one is not a number or an array, or not a prior such as ``half_normal(2)`` where there is one.
    """
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if isinstance(getattr(exact, name), ScalePrior):
            try:
                values[name] = ScalePrior.parsed(text)
            except ValueError as error:
                raise ValueError(f"`{name}`: {error}") from error
            continue
        try:
            values[name] = json.loads(re.sub(r"[^\s\[\],]+", _to_json, text))
            np.asarray(values[name], dtype=float)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"`{name}` must be a number, or numbers in brackets such as [1, 2], got {text[:40]!r}."
            ) from error
    return replace(exact, **values)


def descriptions(exact: Any) -> dict[str, str]:
    """Return the description of each hyperparameter from the docstring of a model; there is none with python -OO."""
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n", cleandoc(exact.__doc__ or "") + "\n\n", re.DOTALL)
    entries = re.findall(r"(?m)^(\S.*)\n((?: +.*\n?)+)", section[1] if section else "")
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def plain(value: Any) -> Any:
    """Return a hyperparameter as numbers and lists, ready for ``json.dumps``; a prior as its text."""
    return str(value) if isinstance(value, ScalePrior) else np.asarray(value).tolist()


def format_value(value: Any) -> str:
    """Return the value of a hyperparameter in the form of the command line, or its shape if it is long."""
    if isinstance(value, ScalePrior):
        return str(value)
    text = json.dumps(plain(value))
    return text if len(text) <= 40 else f"{' x '.join(map(str, np.shape(value)))} numbers"


def _to_json(word: re.Match[str]) -> str:
    """Return a number in the form of JSON from one in the form of Python, such as ``.5`` or ``+2``."""
    if "_" in word[0]:
        raise ValueError("float takes 1_000")
    if len(word[0]) < 300 and re.fullmatch(r"[+-]?[0-9]+", word[0]):  # longer numbers are infinite, which models refuse
        return str(int(word[0]))
    return json.dumps(float(word[0]))
