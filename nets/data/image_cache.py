"""Decoded images on disk: memory-mapped, keyed by their source, checksummed, and written all or nothing.

Decoding CIFAR-10 takes some ten seconds and mapping what was decoded a fraction of one. An entry is a folder with one
.npy file an array and ``entry.json``. It is made under another name and renamed when it is complete, so that neither a
process that dies nor a second one at the same time can leave half of one.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

SCHEMA = 1
"""Raised when the meaning of an entry changes, so that old entries are made again."""

DAY = 86400.0
"""Seconds after which nobody is still writing an entry."""

logger = logging.getLogger(__name__)


def cache_directory() -> Path:
    """Return the folder of the entries: CLOSEDFORM_CACHE, else the user's cache folder of this platform."""
    return Path(os.environ.get("CLOSEDFORM_CACHE") or user_cache_path("closedform")).expanduser()


def open_or_write(
    name: str, source: Path, decode: Callable[..., list[str]], progress: Callable[[str, int, int], None]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays of the data set in the folder ``source``, memory-mapped, and its class names.

    Where there is no entry yet, or it is damaged, ``decode(source, folder, progress)`` fills a folder with .npy files
    and returns the class names. OSError if it cannot be written.
    """
    entry = cache_directory() / f"{name.replace('/', '-').replace(':', '-')}-{_key(source)}"
    damage = _damage(entry)
    if damage is None:
        return _open(entry)
    if entry.exists():
        logger.warning("the cached images in %s are damaged (%s) and are decoded again", entry, damage)
        shutil.rmtree(entry, ignore_errors=True)
    try:
        _write(entry, source, decode, progress)
    except OSError as error:
        raise OSError(
            error.errno,
            f"the decoded images of {name} cannot be kept in {entry.parent} ({error.strerror or error}); set the "
            "environment variable CLOSEDFORM_CACHE to a folder with room for them",
        ) from error
    return _open(entry)


def _key(source: Path) -> str:
    """Return a key that changes with any file of the source: names, sizes and times of change, not contents."""
    files = sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in source.iterdir())
    return hashlib.sha256(json.dumps([SCHEMA, str(source.resolve()), files]).encode()).hexdigest()[:16]


def _write(
    entry: Path, source: Path, decode: Callable[..., list[str]], progress: Callable[[str, int, int], None]
) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    for left in entry.parent.glob("unfinished-*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > DAY:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=entry.parent) as temporary:
        folder = Path(temporary) / "entry"
        folder.mkdir()
        class_names = decode(source, folder, progress)
        checksums = {file.name: _checksum(file) for file in sorted(folder.glob("*.npy"))}
        content = {"source": str(source), "class_names": class_names, "sha256": checksums}
        (folder / "entry.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        try:
            folder.rename(entry)
        except OSError:
            if _damage(entry) is not None:  # else another process was first, with the same arrays
                raise


def _damage(entry: Path) -> str | None:
    """Return what is wrong with an entry, or None."""
    try:
        checksums = _content(entry)["sha256"]
        wrong = [name for name, checksum in checksums.items() if _checksum(entry / name) != checksum]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return f"the checksum of {wrong[0]} differs" if wrong else None


def _open(entry: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    content = _content(entry)
    arrays = {Path(name).stem: np.load(entry / name, mmap_mode="r") for name in content["sha256"]}
    return arrays, content["class_names"]


def _content(entry: Path) -> dict[str, Any]:
    return json.loads((entry / "entry.json").read_text(encoding="utf-8"))


def _checksum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
