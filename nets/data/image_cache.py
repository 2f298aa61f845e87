"""Decoded images on disk: memory-mapped, keyed by their source, checksummed, and written atomically.

Decoding CIFAR-10 takes some ten seconds, and mapping the decoded images a fraction of a second. An entry is a folder
with one .npy file per array and ``entry.json``. It is written under a temporary name and renamed when it is complete.
A process that dies, or two processes at once, therefore never leave an incomplete entry.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA_VERSION = 3
"""Incremented when what is in an entry changes, so that old entries are written again."""

STALE_SECONDS = 86400.0
"""Age after which an unfinished entry has no living writer."""

logger = logging.getLogger(__name__)


def cache_directory() -> Path:
    """Return the folder of the entries: CLOSEDFORM_CACHE, else the user's cache folder of this platform."""
    from platformdirs import (
        user_cache_path,  # of the extra nets, as Pillow and TensorFlow Datasets are: --help needs none
    )

    return Path(os.environ.get("CLOSEDFORM_CACHE") or user_cache_path("closedform")).expanduser()


@dataclass(frozen=True)
class Entry:
    """The decoded images of a data set."""

    arrays: dict[str, np.ndarray]
    """Memory-mapped, by their names."""
    content: dict[str, Any]
    """The content of entry.json: what ``decode`` returned, such as ``class_names``."""
    sha256: str
    """Computed from the stored checksums of the images and labels, so that no array is read again for it."""


def open_or_write(
    name: str,
    source: Path,
    decode: Callable[[Path], dict[str, Any]],
    files: Iterable[tuple[str, int, int]] | None = None,
    options: Sequence[Any] = (),
) -> Entry:
    """Return the decoded images of the data set in the file or folder ``source``.

    If there is no entry yet, or it is damaged, ``decode(folder)`` writes .npy files into a folder and returns the
    content of entry.json. Raises OSError if the entry cannot be written.

    Parameters
    ----------
    name
        Name of the data set, which begins the name of the entry.
    source
        The file or folder that is decoded.
    decode
        Writes the arrays.
    files
        Name, size and time of modification of each file; by default of the files in the folder ``source``. If they
        change, the source is decoded again.
    options
        What else the arrays depend on, as JSON.
    """
    files = stats(source, source.iterdir()) if files is None else files
    entry = cache_directory() / f"{name.replace('/', '-').replace(':', '-')}-{_key(source, files, options)}"
    damage = _damage(entry)
    if damage is None:
        return _open(entry)
    if entry.exists():
        logger.warning("the cached images in %s are damaged (%s) and are decoded again", entry, damage)
        shutil.rmtree(entry, ignore_errors=True)
    try:
        _write(entry, source, decode)
    except OSError as error:
        raise OSError(
            error.errno,
            f"the decoded images of {name} cannot be cached in {entry.parent} ({error.strerror or error}); set the "
            "environment variable CLOSEDFORM_CACHE to a folder with room for them",
        ) from error
    return _open(entry)


def stats(source: Path, files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return path in ``source``, size in bytes and time of modification in nanoseconds of each file."""
    return [(str(file.relative_to(source)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _key(source: Path, files: Iterable[tuple[str, int, int]], options: Sequence[Any]) -> str:
    """Return a key from the names, sizes and modification times of the source files, not from their contents."""
    facts = [SCHEMA_VERSION, str(source.resolve()), sorted(files), *options]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _write(entry: Path, source: Path, decode: Callable[[Path], dict[str, Any]]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    for leftover in entry.parent.glob("unfinished-*"):  # by a process that was killed
        if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=entry.parent) as temporary:
        folder = Path(temporary) / "entry"
        folder.mkdir()
        content = decode(folder)
        checksums = {file.name: _checksum(file) for file in sorted(folder.glob("*.npy"))}
        content = {"source": str(source), **content, "sha256": checksums}
        (folder / "entry.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        try:
            folder.rename(entry)
        except OSError:
            if _damage(entry) is not None:  # else another process wrote the same entry first
                raise


def _damage(entry: Path) -> str | None:
    """Return a description of the damage of an entry, or None if it is intact."""
    try:
        checksums = _content(entry)["sha256"]
        damaged = [name for name, checksum in checksums.items() if _checksum(entry / name) != checksum]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return f"the checksum of {damaged[0]} differs" if damaged else None


def _open(entry: Path) -> Entry:
    content = _content(entry)
    checksums = content["sha256"]
    arrays = {Path(name).stem: np.load(entry / name, mmap_mode="r") for name in checksums}
    data = {name: checksum for name, checksum in checksums.items() if not name.endswith("_files.npy")}
    return Entry(arrays, content, hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest())


def _content(entry: Path) -> dict[str, Any]:
    return json.loads((entry / "entry.json").read_text(encoding="utf-8"))


def _checksum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
