"""A data set in a file or folder of a person's own: its format is found, and its images are put into the cache."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nets.data import image_cache
from nets.data.arrays import from_arrays
from nets.data.formats import idx_files, image_folder, npz_file, parquet_files
from nets.data.formats.encoded_images import Progress
from nets.data.tfds_folder import NotPreparedError, find_dataset

FORMATS = "a folder of images, an .npz file, a folder of MNIST's IDX files, or Parquet files"


def find_source(name: str, data_dir: Path) -> Path | None:
    """Return the file or folder ``name``, or None if it is the name of a data set of TensorFlow Datasets.

    A name is a path if it begins with ``.``, ``/`` or ``~``, if it ends with ``/``, ``.npz`` or ``.parquet``, or if
    there is such a file or folder and no data set of that name in ``data_dir``. Raises ValueError if there is no such
    file.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise ValueError(f"`dataset` must be a file or folder, got {name!r}: {error}") from error
    if not name:
        raise ValueError("`dataset` must be a file or folder, or the name of a data set, got ''.")
    if name.startswith((".", "/", "~")) or name.endswith("/") or path.suffix in (".npz", ".parquet"):
        if not path.exists():
            raise ValueError(f"`dataset` must be a file or folder, or the name of a data set; there is no {path}.")
        return path
    if not path.exists():
        return None
    try:
        find_dataset(name, data_dir)
    except (NotPreparedError, ValueError):
        return path
    return None


def absolute_name(name: str, data_dir: Path) -> str:
    """Return ``name``, as an absolute path if it is that of a file or folder: `find_source`, with its errors."""
    source = None if name == "digits" else find_source(name, data_dir)
    return name if source is None else os.path.normpath(source.absolute())


def read(source: Path, progress: Progress, image_size: tuple[int, ...] | None) -> image_cache.Entry:
    """Return the decoded images of the file or folder ``source``, from the cache or by its format.

    Raises
    ------
    ValueError
        If the format is not one of those that are read, ``image_size`` is given for arrays, or the files are damaged.
    OSError
        If a file cannot be read, or the cache cannot be written.
    """
    label = source.resolve().name

    def cached(
        decode: Callable[[Path], dict[str, Any]], files: Iterable[tuple[str, int, int]], options: Sequence[Any] = ()
    ) -> image_cache.Entry:
        def decode_or_explain(out: Path) -> dict[str, Any]:
            try:
                return decode(out)
            except ValueError as error:
                raise ValueError(f"`dataset` {source} cannot be used: {error}") from error

        return image_cache.open_or_write(label, source, decode_or_explain, files, options)

    def report(task: str, done: int, total: int) -> None:
        progress(f"{task} {label}", done, total)

    idx = idx_files.find_files(source) if source.is_dir() else {}
    if idx or (source.suffix == ".npz" and not source.is_dir()):
        if image_size is not None:
            raise ValueError(
                f"`image_size` must be left out for the arrays of {source}, got {image_size}; resize them."
            )
        files = [file for pair in idx.values() for file in pair] or [source]
        _require_regular(source, files)

        def decode_arrays(out: Path) -> dict[str, Any]:
            return _write_arrays(idx_files.read_arrays(idx) if idx else npz_file.read_arrays(source), out)

        return cached(decode_arrays, image_cache.stats(source, files))
    options = [] if image_size is None else [list(image_size)]
    if parquet := parquet_files.find_files(source):
        files = [file for members in parquet.values() for file in members]
        _require_regular(source, files)

        def decode_parquet(out: Path) -> dict[str, Any]:
            return parquet_files.decode(source, parquet, out, image_size, report)

        return cached(decode_parquet, image_cache.stats(source, files), options)
    if not source.is_dir():
        raise ValueError(f"`dataset` must be {FORMATS}, got the file {source}.")
    if any(next(source.glob(f"{above}dataset_info.json"), None) for above in ("", "*/", "*/*/")):
        raise ValueError(
            f"`dataset` {source} is a folder of TensorFlow Datasets; give the name of the data set, and the folder it "
            "is in with --data-dir."
        )
    images = image_folder.find_images(source)

    def decode_images(out: Path) -> dict[str, Any]:
        return image_folder.decode(source, images, out, image_size, report)

    entry = cached(decode_images, images.stats, options)
    image_folder.add_ignored(entry.content, images.ignored)
    return entry


def _require_regular(source: Path, files: list[Path]) -> None:
    """Raise ValueError if a file is a folder or a pipe, whose reader would wait for a writer."""
    if odd := [file for file in files if file.exists() and not file.is_file()]:
        raise ValueError(f"`dataset` {source} cannot be used: {odd[0].name} is not a regular file; copy it into one.")


def _write_arrays(arrays: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write the checked arrays into ``out`` and return the content of the entry of the cache."""
    dataset = from_arrays(**arrays)
    for name in ["train", "test", "validation"]:
        if split := getattr(dataset, name):
            np.save(out / f"{name}_images.npy", split.images)
            np.save(out / f"{name}_labels.npy", split.labels)
    return {"class_names": list(dataset.class_names), "notes": list(dataset.notes), "reading": dict(dataset.reading)}
