"""CmdStan's own CSV files, one for each chain, with settings and the end of adaptation as comments."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.io.readers import csv_file, table
from bayes.io.readers.contents import TRIM, Contents, Wanted


def is_chain(path: Path, label: str) -> bool:
    """Return whether CmdStan's method ``sample`` wrote a file, by its comments."""
    csv_file.require_text(path, label)
    _, heads = next(csv_file.lines(path, label), (0, []))
    return "lp__" in heads and "num_samples" in _settings(path)


def read(paths: Sequence[Path], labels: Sequence[str], wanted: Wanted) -> Contents:
    """Read files of CmdStan, one for each chain, without the rows of warm-up."""
    chains = [_chain(path, label, wanted.trim) for path, label in zip(paths, labels, strict=True)]
    names = list(map(str, chains[0].columns))
    for chain, label in zip(chains, labels, strict=True):
        if list(chain.columns) != names:
            other = sorted(set(names).symmetric_difference(map(str, chain.columns))) or names
            raise ValueError(
                f"files {labels[0]} and {label} are of different models: the column {other[0]!r} is not in the same "
                "place of both; give the chains of one run."
            )
    models = [_settings(path).get("model", "") for path in paths]
    if different := [i for i, model in enumerate(models) if model != models[0]]:
        i = different[0]
        raise ValueError(
            f"files {labels[0]} and {labels[i]} are of different models, {models[0]!r} and {models[i]!r} by their "
            "comments; give the chains of one run."
        )
    lengths = [len(chain) for chain in chains]
    if len(set(lengths)) > 1 and not wanted.trim:
        raise ValueError(
            f"files {labels[0]}, ... have chains of {', '.join(map(str, lengths))} draws; give chains of one run, "
            f"{TRIM}."
        )

    def values(column: str) -> NDArray[np.float64]:
        """Return a column as an array (chain, draw)."""
        for chain, path, label in zip(chains, paths, labels, strict=True):
            if chain[column].dtype.kind not in "iuf" or chain[column].isna().any():
                csv_file.require_numbers(path, label, column)
        return np.array([chain[column].to_numpy(float)[: min(lengths)] for chain in chains])

    where = f"file {labels[0]}" if len(labels) == 1 else f"files {labels[0]}, ..."
    return Contents(table.from_columns(names, values, wanted.names, where), names)


def _chain(path: Path, label: str, trim: bool) -> Any:
    """Return the draws of one file after warm-up, as a pandas DataFrame; raise ValueError if the run did not end."""
    settings = _settings(path)
    frame = csv_file.numbers_table(path, label)
    try:
        thin = max(1, int(settings.get("thin", "1")))
        draws = -(-int(settings["num_samples"]) // thin)
        is_saved = settings.get("save_warmup", "0") in ("1", "true") and settings.get("algorithm") != "fixed_param"
        warmup = -(-int(settings["num_warmup"]) // thin) if is_saved else 0
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"file {label} does not say in its comments how many draws it has: num_samples, num_warmup and thin must "
            "be whole numbers; give it as CmdStan wrote it."
        ) from error
    if _is_cut(path):
        frame = frame[:-1]  # the last number may have lost digits
    frame = frame[warmup:]
    if len(frame) > draws:
        raise ValueError(
            f"file {label} has {len(frame)} draws after the warm-up, and its comments say {draws}: it is not as "
            "CmdStan wrote it, which is one chain a file."
        )
    if not len(frame) or (len(frame) < draws and not trim):
        raise ValueError(
            f"file {label} has {len(frame)} draws after the warm-up, and its comments say {draws}: the run did not "
            f"end; run it again, {TRIM}."
        )
    return frame


def _is_cut(path: Path) -> bool:
    """Return whether a file ends inside a row of numbers. A complete file ends with comments."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**20))
        last = file.read().rpartition(b"\n")[2]
    return bool(last) and not last.startswith(b"#")


def _settings(path: Path) -> dict[str, str]:
    """Return the settings from the comments before the headings, such as ``#     num_samples = 1000 (Default)``."""
    settings: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if not line.startswith("#"):
                break
            if setting := re.match(r"#\s*(\w+)\s*=\s*(\S+)", line):
                settings.setdefault(setting[1], setting[2])
    return settings
