"""A person's own observations, read from a text file."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_observations(path: Path) -> NDArray[np.float64]:
    """Read a vector of numbers from a CSV file or a file with one number a line.

    Accepted are one column with or without a heading, or one row of comma-separated numbers. Blank lines and lines that
    start with ``#`` are skipped.

    Raises
    ------
    ValueError
        If the file cannot be read, holds no number, has several columns and rows, or a cell is not a finite number; the
        message names the file, the line and the cell.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a UTF-8 text file"
        raise ValueError(f"`data` file {path} cannot be read: {reason}.") from error
    reader = csv.reader(text.splitlines())
    rows = []
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells) and not cells[0].startswith("#"):
            rows.append((reader.line_num, cells))
    if len(rows) > 1 and len(rows[0][1]) == 1 and _as_number(rows[0][1][0]) is None:
        rows = rows[1:]  # a heading
    if len(rows) > 1:
        for number, row in rows:
            if len(row) > 1:
                raise ValueError(
                    f"`data` file {path}, line {number} has {len(row)} columns; keep the one column of observations "
                    "(with a decimal point, not a decimal comma)."
                )
    values = []
    for number, row in rows:
        for cell in row:
            value = _as_number(cell)
            if value is None or not np.isfinite(value):
                raise ValueError(f"`data` file {path}, line {number}: {cell[:40]!r} is not a finite number.")
            values.append(value)
    if not values:
        raise ValueError(f"`data` file {path} holds no number; give at least one.")
    return np.array(values)


def _as_number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
