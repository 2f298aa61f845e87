"""Arrays that ``numpy.savez(file, mu=..., theta=...)`` saved, each (chain, draw, ...). Nothing is unpickled."""

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.io.draws import as_draws
from bayes.io.element_names import layouts
from bayes.io.readers.contents import LARGEST, Contents, Wanted
from closedform.reasons import one_line


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read the wanted arrays, and ``diverging`` if there is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
        names = [name for name in sizes if name != "diverging"]
        places = layouts(wanted.names, names, f"file {label}")
        elements = [element for place in places.values() for element in place.names.values()]
        with np.load(path, allow_pickle=False) as arrays:
            loaded = {name: _load(arrays, name, sizes[name], label) for name in elements}
            if "diverging" in sizes:
                loaded["diverging"] = _load(arrays, "diverging", sizes["diverging"], label)
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(
            f"file {label} cannot be read as NumPy's arrays ({one_line(error, 200)}); it is damaged: save it again."
        ) from error
    return Contents(replace(as_draws(loaded, places), source=f"file {label}"), names)


def _load(arrays: Any, name: str, size: int, label: str) -> NDArray[Any]:
    if size > LARGEST:
        raise ValueError(
            f"file {label} has {size / 2**30:.1f} GiB of {name!r}, more than {LARGEST / 2**30:.0f}; thin the draws."
        )
    try:
        return arrays[name]
    except ValueError as error:  # from NumPy, for objects and for invalid headers
        raise ValueError(
            f"file {label}: {name!r} cannot be read ({one_line(error, 120)}); save an array of numbers."
        ) from error
