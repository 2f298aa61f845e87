"""Reference draws of posteriordb: JSON with a list of chains, each a dict from the names of scalars to draws."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayes.io.readers.contents import LARGEST, TRIM, Contents, Wanted
from bayes.io.readers.table import from_columns
from closedform.reasons import one_line


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read a file of reference draws."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"file {label} is larger than {LARGEST / 2**30:.0f} GiB; save the draws as netCDF.")
    try:
        chains = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"file {label} cannot be read as JSON: {one_line(error, 120)}; write it again.") from error
    if not (isinstance(chains, list) and chains and all(isinstance(chain, dict) for chain in chains)):
        raise ValueError(
            f'file {label} must be a list of chains as posteriordb has them, [{{"mu": [1.2, ...]}}, ...], a dict of '
            "the names of scalars and their draws for each."
        )
    names = [name for name in chains[0] if all(name in chain for chain in chains)]
    lengths = [len(draws) for chain in chains for draws in chain.values() if isinstance(draws, list)]
    if len(set(lengths)) > 1 and not wanted.trim:
        raise ValueError(
            f"file {label} has {min(lengths)} draws of one and {max(lengths)} of another; give as many of every chain, "
            f"{TRIM}."
        )

    def values(name: str) -> NDArray[np.float64]:
        """Return the draws of a scalar as an array (chain, draw)."""
        for i, chain in enumerate(chains):
            for j, draw in enumerate(chain[name] if isinstance(chain[name], list) else [chain[name]]):
                if not isinstance(chain[name], list) or isinstance(draw, bool) or not isinstance(draw, int | float):
                    raise ValueError(
                        f"file {label}: {name!r} must be numbers, got {str(draw)[:40]!r} at chain {i}, draw {j}."
                    )
        return np.array([chain[name][: min(lengths)] for chain in chains], dtype=float)

    return Contents(from_columns(names, values, wanted.names, f"file {label}"), names)
