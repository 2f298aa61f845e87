"""What a reader returns, and what it reads of a file at most."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from bayes.io.draws import Draws

LARGEST = 4 * 2**30
"""Bytes of one variable, or of a text file, beyond which nothing is read."""
TRIM = "or cut all to the shortest with --trim, `load_draws(..., trim=True)`"
"""The way out of chains of different lengths."""


def first_bytes(path: Path, count: int) -> bytes:
    """Return the bytes that a file begins with, by which its format is known."""
    with path.open("rb") as file:
        return file.read(count)


class Wanted(NamedTuple):
    """What is to be read of a file."""

    names: Collection[str]
    """The variables, under the names they have in the file."""
    trim: bool
    """Whether chains of different lengths are cut to the shortest."""


class Contents(NamedTuple):
    """What was read of a file."""

    draws: Draws
    """The variables that were wanted, under the names they have in the file."""
    names: list[str]
    """The names of all variables in the file."""
