"""Draws from a table with a row for each draw, the columns chain and draw, and a column for each scalar."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.io.draws import DIVERGING, Draws
from bayes.io.element_names import gathered
from bayes.io.readers.contents import TRIM, Contents, Wanted

INDEX_NAMES = {".chain": "chain", "chain__": "chain", ".draw": "draw", "draw__": "draw"}
"""Names of the columns chain and draw in R's posterior package and in CmdStanPy."""
DIVERGENT = "divergent__"
"""Name of the column of divergent transitions in CmdStan."""


def read(
    frame: Any, label: str, wanted: Wanted, require_numbers: Callable[[str], None] | None = None, advice: str = ""
) -> Contents:
    """Return the draws in a pandas DataFrame.

    ``require_numbers(column)`` raises ValueError, with the place, if a column has anything but numbers. ``advice``
    ends the message about missing columns.
    """
    frame = frame.rename(columns=INDEX_NAMES)
    for name in ("chain", "draw"):
        if list(frame.columns).count(name) != 1:
            headings = ", ".join(map(str, frame.columns[:12]))[:200]
            raise ValueError(f"file {label} must have one column {name!r}, got the columns {headings}{advice}.")
    if not len(frame):
        raise ValueError(f"file {label} has no draws.")
    _require_numbered(frame, label)
    sizes = frame.groupby("chain")["draw"].agg(["size", "nunique"])
    n = int(sizes["size"].min())
    if (sizes["size"] != sizes["nunique"]).any() or (sizes["size"].nunique() > 1 and not wanted.trim):
        raise ValueError(
            f"file {label} must have every draw of every chain once, got chains of {sizes['size'].tolist()} rows with "
            f"{sizes['nunique'].tolist()} different draws; take out what is there twice, {TRIM}."
        )
    frame = frame.sort_values(["chain", "draw"]).groupby("chain").head(n)
    names = [str(column) for column in frame.columns if column not in ("chain", "draw")]

    def chains(column: str) -> NDArray[np.float64]:
        """Return a column as an array (chain, draw)."""
        if frame[column].dtype.kind not in "iuf" or frame[column].isna().any():
            if require_numbers:
                require_numbers(column)
            raise ValueError(f"file {label}: column {column!r} must hold numbers.")
        return frame[column].to_numpy(float).reshape(-1, n)

    return Contents(from_columns(names, chains, wanted.names, f"file {label}"), names)


def from_columns(
    names: Collection[str], chains: Callable[[str], NDArray[Any]], wanted: Collection[str], where: str
) -> Draws:
    """Return the variables ``wanted`` from the columns ``names``; ``chains(name)`` is a column as (chain, draw)."""
    posterior, labels = {}, {}
    for name in wanted:
        if found := gathered(name, names, chains, where):
            posterior[name], labels[name] = found
    stats = {DIVERGING: chains(DIVERGENT) != 0} if DIVERGENT in names else {}
    return Draws(posterior=posterior, sample_stats=stats, labels=labels, source=where)


def _require_numbered(frame: Any, label: str) -> None:
    """Raise ValueError unless every row has a chain and a draw, and the draws are numbers, which can be sorted."""
    import pandas as pd

    for name in ("chain", "draw"):
        blank = frame[name].isna().to_numpy()
        if blank.any():
            raise ValueError(
                f"file {label}: row {blank.argmax() + 1} below the headings has no {name!r}, as {blank.sum() - 1} "
                "others have none; write it into every row (of merged cells a spreadsheet saves the first alone)."
            )
    if frame["draw"].dtype.kind not in "iuf":  # as text 10 comes before 9
        number = pd.to_numeric(frame["draw"], errors="coerce").abs()
        text = str(frame["draw"][(~(number < 2**63)).argmax()])
        raise ValueError(
            f"file {label}: column 'draw' must hold the numbers of the draws, below 2^63, got {text[:40]!r}; count "
            "them from 0."
        )
