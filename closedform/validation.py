"""Validation of arguments. An error names the argument, its value, the rule and the way out."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np

HOLDS = {
    "i": "integers",
    "u": "integers",
    "f": "numbers",
    "U": "text",
    "S": "bytes",
    "c": "complex numbers",
    "b": "true and false",
    "M": "dates",
    "m": "durations",
}
"""Kind of a NumPy array -> its contents, in words."""


def require(name: str, value: Any, holds: bool, rule: str) -> None:
    """Raise ValueError unless the ``rule`` holds.

    Examples
    --------
    >>> require("epochs", 0, 0 >= 1, "1 or more")
    Traceback (most recent call last):
    ValueError: `epochs` must be 1 or more, got 0.
    """
    if not holds:
        raise ValueError(f"`{name}` must be {rule}, got {shown(value)}.")


def whole_number(name: str, value: Any, rule: str, minimum: int, maximum: float = np.inf) -> int:
    """Return ``value`` as an int; raise ValueError, with the ``rule``, unless it is from ``minimum`` to ``maximum``.

    Examples
    --------
    >>> whole_number("draws", np.int64(100), ", 1 or more", 1)
    100
    >>> whole_number("draws", True, ", 1 or more", 1)
    Traceback (most recent call last):
    ValueError: `draws` must be a whole number, 1 or more, got True.
    """
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(name, value, bool(number and minimum <= value <= maximum), f"a whole number{rule}")
    return int(value)


def shown(value: Any) -> str:
    """Return a value as text in one line, cut if it is long."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python does not print an int of more than 4300 digits
        return "a number of more than 4300 digits"
    return text if len(text) <= 80 else f"{text[:80]}..."


def in_words(dtype: np.dtype[Any]) -> str:
    """Return the contents of an array of ``dtype``, in words.

    Examples
    --------
    >>> in_words(np.array([1 + 2j]).dtype)
    'complex numbers'
    """
    return HOLDS.get(dtype.kind, "objects")


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown ``name``: a question with the nearest name, or a full stop."""
    near = get_close_matches(name.casefold(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "."
