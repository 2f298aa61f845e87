"""The user's observations, read from a text file."""

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NO_HEADING = {"na", "n/a", "n.a.", "null", "none", "nil", "missing", "true", "false", "yes", "no"}
"""Words for a missing value, or for yes and no, in lower case."""
SLIPS = str.maketrans("OoIl", "0011")
"""Letters that are mistaken for digits."""
POINT = "write a decimal point, no decimal comma, and no separators of thousands"


def read_observations(path: Path, columns: int = 1) -> NDArray[np.float64]:
    """Read a vector of numbers from a CSV file or a file with one number a line, or a matrix with ``columns`` columns.

    A vector may be one column, with or without a heading that begins with a letter. It may also be one row of numbers
    separated by commas, unless the row could be a single number with a decimal comma or separators of thousands. A
    matrix has all its columns, with or without a line of headings. Blank lines and comments are skipped. Comments are
    lines that begin with ``# ``, or with ``#`` and a word that is not an error of a spreadsheet, such as ``#N/A``.

    Raises
    ------
    ValueError
        If the file cannot be read, has no number, has several columns and rows, or if a cell is not a finite number.
        The message names the file, the line and the cell.
    """
    name = repr(str(path))  # repr keeps the message on one line for any name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a UTF-8 text file"
        raise ValueError(f"`data` file {name} cannot be read: {reason}.") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip(" \t,") and not _is_comment(line)
    ]
    rows = [(number, _cells(line)) for number, line in lines]
    has_heading = len(rows) > 1 and len(rows[0][1]) == columns and all(map(_is_heading, rows[0][1]))
    rows = rows[1:] if has_heading else rows
    lines = lines[-len(rows) :]
    for number, line in lines:
        if re.search(r"[;\t]", line.strip()):
            advice = "write one number a line" if columns == 1 else "separate the columns with commas"
            raise ValueError(
                f"`data` file {name}, line {number}: {_quoted(line)} is separated by semicolons or tabs; {advice}, "
                "with a decimal point, not a decimal comma."
            )
    column_rule = f"an observation has {columns} numbers" if columns > 1 else "keep the one column of observations"
    if columns > 1 or has_heading or len(rows) > 1:
        for number, row in rows:
            if len(row) != columns:
                size = "1 column" if len(row) == 1 else f"{len(row)} columns"
                raise ValueError(
                    f"`data` file {name}, line {number} {_quoted(dict(lines)[number])} has {size}; {column_rule}, "
                    "with commas between columns, and a decimal point, not a decimal comma."
                )
    elif rows and _may_be_one_number(lines[0][1]):
        raise ValueError(
            f"`data` file {name}, line {rows[0][0]}: {_quoted(lines[0][1])} is one number or several; if it is one, "
            f"{POINT}; if it is several, write one number a line."
        )
    values = []
    for number, row in rows:
        for cell in row:
            value = _as_number(cell)
            if value is None or not np.isfinite(value):
                advice = "with a decimal point, and leave out what is missing."
                if "," in cell:
                    advice = f"and {POINT}."
                raise ValueError(
                    f"`data` file {name}, line {number}: {_quoted(cell)} is not a finite number; write one number a "
                    f"{'line' if columns == 1 else 'cell'}, {advice}"
                )
            values.append(value)
    if not values:
        raise ValueError(f"`data` file {name} holds no number; give at least one.")
    return np.array(values) if columns == 1 else np.reshape(values, (-1, columns))


def _cells(line: str) -> list[str]:
    """Return the cells of a line. A comma in quotes is part of a cell."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]
    except csv.Error:  # the cell is too long to be a number
        return [line]


def _quoted(text: str) -> str:
    return repr(text.strip()[:40])


def _is_comment(line: str) -> bool:
    """Return whether a line is a comment, and not an error of a spreadsheet: ``#N/A``, ``#NAME?``, ``####``."""
    if not line.lstrip().startswith("#"):
        return False
    cell = line.split(",")[0].strip()
    return cell == "#" or not (re.match(r"#(?:N/A|\S*[!?](?:\s|$))", cell) or re.fullmatch(r"#[^\sa-z]+", cell))


def _may_be_one_number(row: str) -> bool:
    """Return whether a row may be one number, such as ``3,14``, ``1.234,5`` or ``1,000,000``.

    A comma in a number has no blank beside it.
    """
    return bool(re.fullmatch(r'\s*(?:[^\s,"]+,[^\s,"]+|[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?)\s*', row))


def _is_heading(cell: str) -> bool:
    """Return whether ``cell`` is a heading: a word, but not a misspelt number and not a word for a missing value."""
    slip = len(cell) > 1 and _as_number(cell.translate(SLIPS)) is not None  # O.5, l2
    error = re.fullmatch(r"err:\d+", cell.casefold())  # an error of LibreOffice
    return _as_number(cell) is None and cell[:1].isalpha() and cell.casefold() not in NO_HEADING and not (slip or error)


def _as_number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # float accepts 1_000
    except ValueError:
        return None
