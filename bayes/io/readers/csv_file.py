"""Draws in a CSV file, with a row for each draw. An error names the line and the cell."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bayes.io.readers import table
from bayes.io.readers.contents import LARGEST, Contents, Wanted

APPROXIMATIONS = {"lp_approx__": "Pathfinder", "log_q__": "Laplace's method", "log_g__": "ADVI"}
"""Column of a CSV file of CmdStan -> the only method that writes it."""
BINARY = {b"\x93NUMPY": "one array of NumPy; save all by `numpy.savez(file, mu=..., sigma=...)`"}
"""First bytes of a file that is not text -> what it is, and what to do."""


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read a CSV file with the columns chain and draw, and one for each scalar."""
    frame = numbers_table(path, label)
    return table.read(frame, label, wanted, lambda column: require_numbers(path, label, column), _advice(frame))


def numbers_table(path: Path, label: str) -> Any:
    """Return a CSV file, without comments, as a pandas DataFrame; raise ValueError if it is not a CSV file."""
    import pandas as pd  # here: it takes seconds to import

    if path.stat().st_size > LARGEST:
        raise ValueError(f"file {label} is larger than {LARGEST / 2**30:.0f} GiB; save the draws as netCDF.")
    require_text(path, label)
    _require_headings(path, label)
    try:
        frame: Any = pd.read_csv(path, comment="#", skipinitialspace=True, low_memory=False, compression=None)
    except (ValueError, OSError, OverflowError) as error:  # the errors of pandas are ValueErrors
        _require_full_rows(path, label)
        raise ValueError(f"file {label} cannot be read as CSV: {' '.join(str(error).split())[:120]}.") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas makes extra cells an index, and shifts the rest
        _require_full_rows(path, label)
        raise ValueError(f"file {label} has more cells in its rows than headings; give every column a heading.")
    return frame


def _advice(frame: Any) -> str:
    """Return advice about a CSV file without the columns chain and draw, such as one of CmdStan."""
    for column, method in APPROXIMATIONS.items():
        if column in frame.columns:
            return (
                f": draws of {method}, an approximation without chains; to hold it to the exact posterior by draws "
                "that are independent (Pathfinder's with psis_resample=False), add a column chain of 0s and a column "
                "draw"
            )
    if "accept_stat__" in frame.columns:
        return "; give what CmdStanPy's `from_csv(folder).draws_pd()` returns"
    return ""


def require_text(path: Path, label: str) -> None:
    """Raise ValueError unless the file begins with text in UTF-8."""
    with path.open("rb") as file:
        start = file.read(65536)
    kind = next((kind for mark, kind in BINARY.items() if start.startswith(mark)), "")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = "text in UTF-16; save it as UTF-8"
    elif not kind and b"\0" in start:
        kind = "not text"
    if kind:
        raise ValueError(
            f"file {label} cannot be read as CSV: it is {kind}. Save the draws by ArviZ as netCDF, or as a CSV file."
        )


def lines(path: Path, label: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line of a CSV file, without comments and blank lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, skipinitialspace=True)
            for row in rows:
                if any(row) and not row[0].startswith("#"):
                    yield rows.line_num, [cell.strip() for cell in row]
    except UnicodeDecodeError as error:
        raise ValueError(f"file {label} cannot be read as CSV: it is not text in UTF-8; save it as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"file {label} cannot be read as CSV: {error}.") from error


def _require_headings(path: Path, label: str) -> None:
    """Raise ValueError unless the headings are separated by commas and all different."""
    number, heads = next(lines(path, label), (0, []))
    for mark, separator in {";": "semicolons", "\t": "tabs"}.items():
        if len(heads) < 3 and mark in "".join(heads):
            raise ValueError(
                f"file {label}, line {number}: the headings are separated by {separator}; write commas between columns "
                "and a decimal point, as pandas' `to_csv(file)` and R's `write.csv` do."
            )
    if duplicates := [head for head in heads if head and heads.count(head) > 1]:
        raise ValueError(
            f"file {label}, line {number} has the heading {duplicates[0][:40]!r} twice; give each its own."
        )


def _require_full_rows(path: Path, label: str) -> None:
    """Raise ValueError, with the row, if a row has more cells than there are headings."""
    rows = lines(path, label)
    _, heads = next(rows, (0, []))
    for number, row in rows:
        if len(row) > len(heads):
            raise ValueError(
                f"file {label}, line {number} has more cells in its row than headings, {len(row)} and {len(heads)}; "
                "write numbers with a decimal point, not a decimal comma, and give every column a heading."
            )


def require_numbers(path: Path, label: str, column: str) -> None:
    """Raise ValueError, with the cell, if a cell of a column is not a number."""
    rows = lines(path, label)
    _, heads = next(rows)
    index = heads.index(column.strip())
    for number, row in rows:
        cell = row[index] if index < len(row) else ""
        try:
            missing = math.isnan(math.nan if "_" in cell else float(cell))  # float accepts 1_000
        except ValueError:
            missing = True
        if missing:
            raise ValueError(
                f"file {label}, line {number}, column {column!r}: {cell[:40]!r} is not a number; write every draw, "
                "with a decimal point. A sampler that returns nan or nothing is broken or not finished."
            )
