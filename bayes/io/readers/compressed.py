"""The contents of gzip, bzip2 and zip files, copied to a folder that is removed afterwards."""

import bz2
import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayes.io.readers.contents import LARGEST, first_bytes
from closedform.reasons import one_line

OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
"""First bytes of a file -> the function that opens its contents."""
ZIP = b"PK\x03\x04"
BLOCK = 2**20


@contextmanager
def opened(path: Path, label: str) -> Iterator[Path]:
    """Yield the path of the decompressed contents of a file, or of the file itself if it is not compressed.

    An ``.npz`` counts as not compressed. Raises ValueError if the file is damaged, or if it is a zip file with several
    files that are not a Zarr folder.
    """
    start = b"" if path.is_dir() else first_bytes(path, 4)
    opener = next((opener for mark, opener in OPENERS.items() if start.startswith(mark)), None)
    if opener is None and not start.startswith(ZIP):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            if opener is None:
                target = _unzipped(path, Path(folder), label)
            else:
                target = Path(folder, path.stem)
                _copy(opener(path, "rb"), target, label)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
            raise ValueError(
                f"file {label} is compressed, and cannot be unpacked ({one_line(error, 200)}); it is damaged or was "
                "not written to its end: copy it again."
            ) from error
        yield target


def _unzipped(path: Path, folder: Path, label: str) -> Path:
    """Unpack a zip file into a folder; return the file or Zarr folder in it, or the path of an ``.npz``."""
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if all(entry.filename.endswith(".npy") for entry in entries):
            return path
        if sum(entry.file_size for entry in entries) > LARGEST:
            raise ValueError(f"file {label} holds more than {LARGEST / 2**30:.0f} GiB; thin the draws.")
        marks = [entry for entry in entries if Path(entry.filename).name in ("zarr.json", ".zgroup")]
        if not marks and len(entries) != 1:
            names = ", ".join(entry.filename for entry in entries)[:200]
            raise ValueError(
                f"file {label} must hold one file or a Zarr folder, got {len(entries)}: {names}; give one of them."
            )
        # The paths come from `extract`, which keeps every file inside the folder, whatever the name of the entry.
        paths = {entry.filename: Path(archive.extract(entry, folder)) for entry in entries}
        if not marks:
            return paths[entries[0].filename]
        return min((paths[entry.filename].parent for entry in marks), key=lambda root: len(root.parts))


def _copy(source: gzip.GzipFile | bz2.BZ2File, target: Path, label: str) -> None:
    with source, target.open("wb") as file:
        while block := source.read(BLOCK):
            file.write(block)
            if file.tell() > LARGEST:
                raise ValueError(f"file {label} holds more than {LARGEST / 2**30:.0f} GiB; thin the draws.")
