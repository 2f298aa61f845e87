"""Draws in a CSV file, a row a draw; an error names its line and its cell."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes.io.draws import Draws
from bayes.io.element_names import array_shape, elements_by_place

LARGEST = 4 * 2**30
"""Bytes of one variable, or of a CSV file, beyond which nothing is read."""
CHAIN, DRAW = (".chain", "chain__"), (".draw", "draw__")
"""What R's posterior package and CmdStanPy call the columns chain and draw."""
APPROXIMATIONS = {"lp_approx__": "Pathfinder", "log_q__": "Laplace's method", "log_g__": "ADVI"}
"""Column of a CSV file of CmdStan -> the method that alone writes it."""
BINARY = {b"\x1f\x8b": "compressed; gunzip it", b"PK": "compressed; unzip it", b"\x93NUMPY": "NumPy's"}
"""First bytes of files that are no text -> what they are."""
DIVERGENT = "divergent__"
"""What CmdStanPy calls the column of divergent transitions."""


def _advice(table: Any) -> str:
    """Return what to do with a CSV file of CmdStan, which has no columns chain and draw."""
    for column, method in APPROXIMATIONS.items():
        if column in table.columns:
            return (
                f": draws of {method}, an approximation without chains; to hold it to the exact posterior by draws "
                "that are independent (Pathfinder's with psis_resample=False), add a column chain of 0s and a column "
                "draw"
            )
    if "accept_stat__" in table.columns:
        return "; give what CmdStanPy's `from_csv(folder).draws_pd()` returns"
    return ""


def _require_numbered(table: Any, label: str) -> None:
    """Raise ValueError unless every row has its chain and its draw, and the draws are numbers that can be sorted."""
    import pandas as pd

    for name in ("chain", "draw"):
        blank = table[name].isna().to_numpy()
        if blank.any():
            raise ValueError(
                f"file {label}: row {blank.argmax() + 1} below the headings has no {name!r}, as {blank.sum() - 1} "
                "others have none; write it into every row (of merged cells a spreadsheet saves the first alone)."
            )
    if table["draw"].dtype.kind not in "iuf":  # as text 10 comes before 9
        number = pd.to_numeric(table["draw"], errors="coerce").abs()
        text = str(table["draw"][(~(number < 2**63)).argmax()])
        raise ValueError(
            f"file {label}: column 'draw' must hold the numbers of the draws, below 2^63, got {text[:40]!r}; count "
            "them from 0."
        )


def _require_text(path: Path, label: str) -> None:
    """Raise ValueError unless the file begins as text in UTF-8."""
    with path.open("rb") as file:
        start = file.read(65536)
    kind = next((kind for mark, kind in BINARY.items() if start.startswith(mark)), "")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = "text in UTF-16; save it as UTF-8"
    elif not kind and b"\0" in start:
        kind = "not text"
    if kind:
        raise ValueError(
            f"file {label} cannot be read as CSV: it is {kind}. It must be an ArviZ netCDF file, a Zarr folder, or a "
            "CSV file."
        )


def _lines(path: Path, label: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line of a CSV file that is no comment and not blank, and its cells."""
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
    """Raise ValueError unless the headings are separated by commas, and each is there once."""
    number, heads = next(_lines(path, label), (0, []))
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
    """Raise ValueError naming the first row with more cells than headings, if there is one."""
    lines = _lines(path, label)
    _, heads = next(lines, (0, []))
    for number, row in lines:
        if len(row) > len(heads):
            raise ValueError(
                f"file {label}, line {number} has more cells in its row than headings, {len(row)} and {len(heads)}; "
                "write numbers with a decimal point, not a decimal comma, and give every column a heading."
            )


def _require_numbers(path: Path, label: str, column: str) -> None:
    """Raise ValueError naming the first cell of a column that is no number, if there is one."""
    lines = _lines(path, label)
    _, heads = next(lines)
    index = heads.index(column.strip())
    for number, row in lines:
        cell = row[index] if index < len(row) else ""
        try:
            missing = math.isnan(math.nan if "_" in cell else float(cell))  # float takes 1_000
        except ValueError:
            missing = True
        if missing:
            raise ValueError(
                f"file {label}, line {number}, column {column!r}: {cell[:40]!r} is not a number; write every draw, "
                "with a decimal point. A sampler that returns nan or nothing is broken or not finished."
            )


def from_csv(path: Path, name_map: dict[str, str]) -> tuple[Draws, list[str]]:
    """Read a CSV file of draws, a row a draw; return those in ``name_map`` and the names of all columns."""
    import pandas as pd  # takes seconds to import, and only this needs it

    label = repr(str(path))
    if path.stat().st_size > LARGEST:
        raise ValueError(f"file {label} is larger than {LARGEST / 2**30:.0f} GiB; save the draws as netCDF.")
    _require_text(path, label)
    _require_headings(path, label)
    try:
        table: Any = pd.read_csv(path, comment="#", skipinitialspace=True, low_memory=False, compression=None)
    except (ValueError, OSError, OverflowError) as error:  # pandas' own errors are ValueErrors
        _require_full_rows(path, label)
        raise ValueError(f"file {label} cannot be read as CSV: {' '.join(str(error).split())[:120]}.") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index, and shifts the rest
        _require_full_rows(path, label)
        raise ValueError(f"file {label} has more cells in its rows than headings; give every column a heading.")
    table = table.rename(columns=dict.fromkeys(CHAIN, "chain") | dict.fromkeys(DRAW, "draw"))
    for name in ("chain", "draw"):
        if list(table.columns).count(name) != 1:
            headings = ", ".join(map(str, table.columns[:12]))[:200]
            raise ValueError(f"file {label} must have one column {name!r}, got the columns {headings}{_advice(table)}.")
    if not len(table):
        raise ValueError(f"file {label} has no draws.")
    _require_numbered(table, label)
    sizes = table.groupby("chain")["draw"].agg(["size", "nunique"])
    if sizes["size"].nunique() > 1 or (sizes["size"] != sizes["nunique"]).any():
        raise ValueError(
            f"file {label} must have every draw of every chain once, got chains of {sizes['size'].tolist()} rows with "
            f"{sizes['nunique'].tolist()} different draws."
        )
    table = table.sort_values(["chain", "draw"])
    chains = len(sizes)
    arrays: dict[str, NDArray[np.float64]] = {}
    for name_in_file, name in name_map.items():
        columns = elements_by_place(name_in_file, list(table.columns))
        if not columns:
            continue
        for column in columns.values():
            if table[column].dtype.kind not in "iuf" or table[column].isna().any():
                _require_numbers(path, label, column)
                raise ValueError(f"file {label}: column {column!r} must hold numbers.")
        shape = array_shape(name_in_file, columns, f"file {label}")
        values = np.empty((chains, len(table) // chains, *shape))
        for place, column in columns.items():
            values[(..., *place)] = table[column].to_numpy(float).reshape(chains, -1)
        arrays[name] = values
    column_names = [str(column) for column in table.columns if column not in ("chain", "draw")]
    if DIVERGENT not in column_names:
        return arrays, column_names
    # as ArviZ has it, so that divergences count here too
    posterior = {
        name: (("chain", "draw", *(f"{name}_{i}" for i in range(x.ndim - 2))), x) for name, x in arrays.items()
    }
    diverging = {"diverging": (("chain", "draw"), table[DIVERGENT].to_numpy().reshape(chains, -1) != 0)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior), "sample_stats": xr.Dataset(diverging)})
    return tree, column_names
