"""A person's own observations, read from a text file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = {"na", "n/a", "n.a.", "null", "none", "nil", "missing"}
"""What is written for a value that is not there, without regard to case."""


def read_observations(path: Path, columns: int = 1) -> NDArray[np.float64]:
    """Read a vector of numbers from a CSV file or a file with one number a line, or a matrix of so many ``columns``.

    Accepted are one column, with or without a heading that begins with a letter, or one row of numbers with commas
    alone, and of a matrix all columns, with or without a line of headings. Blank lines and lines that start with ``#``
    are skipped.

    Raises
    ------
    ValueError
        If the file cannot be read, holds no number, has several columns and rows, or a cell is not a finite number; the
        message names the file, the line and the cell.
    """
    name = repr(str(path))  # one line, whatever the name holds
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a UTF-8 text file"
        raise ValueError(f"`data` file {name} cannot be read: {reason}.") from error
    rows = [
        (number, [cell.strip().strip('"').strip() for cell in line.split(",")])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip(" \t,") and not line.lstrip().startswith("#")
    ]
    headed = len(rows) > 1 and len(rows[0][1]) == columns and all(map(_is_heading, rows[0][1]))
    rows = rows[1:] if headed else rows
    if columns > 1:
        for number, row in rows:
            if len(row) != columns:
                raise ValueError(
                    f"`data` file {name}, line {number} has {len(row)} columns; an observation has {columns} numbers "
                    "(with a decimal point, not a decimal comma)."
                )
    elif headed or len(rows) > 1:
        for number, row in rows:
            if len(row) > 1:
                raise ValueError(
                    f"`data` file {name}, line {number} has {len(row)} columns; keep the one column of observations "
                    "(with a decimal point, not a decimal comma)."
                )
    values = []
    for number, row in rows:
        for cell in row:
            value = _as_number(cell)
            if value is None or not np.isfinite(value):
                raise ValueError(
                    f"`data` file {name}, line {number}: {cell[:40]!r} is not a finite number; write one number a "
                    "line, with a decimal point, and leave out what is missing."
                )
            values.append(value)
    if not values:
        raise ValueError(f"`data` file {name} holds no number; give at least one.")
    return np.array(values) if columns == 1 else np.reshape(values, (-1, columns))


def _is_heading(cell: str) -> bool:
    """Return whether ``cell`` is a word, and none for a missing value: what begins like a number has a slip in it."""
    return _as_number(cell) is None and cell[:1].isalpha() and cell.casefold() not in MISSING


def _as_number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # float takes 1_000
    except ValueError:
        return None
