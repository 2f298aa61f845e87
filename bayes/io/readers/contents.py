"""What a reader is asked for, what it returns, and how much it reads at most."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from bayes.io.draws import Draws

LARGEST = 4 * 2**30
"""Largest size of one variable, or of a text file, in bytes. Larger ones are not read."""
TRIM = "or cut all to the shortest with --trim, `load_draws(..., trim=True)`"
"""End of the message about chains of different lengths."""


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, which identify its format."""
    with path.open("rb") as file:
        return file.read(count)


class Wanted(NamedTuple):
    """What to read from a file."""

    names: Collection[str]
    """The names of the variables in the file."""
    trim: bool
    """Whether chains of different lengths are cut to the shortest chain."""
    log_likelihood: bool = False
    """Whether ArviZ's group ``log_likelihood`` is read too."""


class Contents(NamedTuple):
    """What was read from a file."""

    draws: Draws
    """The wanted variables, by their names in the file."""
    names: list[str]
    """The names of all variables in the file."""
