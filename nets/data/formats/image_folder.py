"""A folder of image files: one folder a class, perhaps within the folders of the splits."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nets.data.formats.encoded_images import Encoded, Progress, write_arrays

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Suffixes of the files that are read, in lower or upper case."""
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}
"""Split -> names of its folder, in lower or upper case."""


@dataclass(frozen=True)
class ImageFolder:
    """The image files of a folder."""

    class_names: list[str]
    """The names of the folders of the classes, sorted."""
    files: dict[str, list[tuple[str, int]]]
    """Split -> relative path and index of the class of each file, sorted."""
    stats: list[tuple[str, int, int]]
    """Relative path, size and time of modification of each file: what identifies them."""
    ignored: Counter[str]
    """Suffix, or `hidden` or `linked folder` -> number of other files, which are ignored."""


def find_images(folder: Path) -> ImageFolder:
    """Return the image files in ``folder``: ``CLASS/IMAGE``, or ``train/CLASS/IMAGE`` with ``test/`` and ``val/``.

    Images may lie in further folders within that of their class. The folder of a class may be a link; links to folders
    within it are ignored, so that no image is found twice.

    Raises
    ------
    ValueError
        If there is no image, a class without one, fewer than two classes, if the splits have other classes, or if a
        class is a link to a folder above it.
    OSError
        If a folder cannot be read.
    """
    ignored: Counter[str] = Counter()
    subfolders = _subfolders(folder, ignored)
    named = {split: [path for path in subfolders if path.name.lower() in names] for split, names in SPLITS.items()}
    splits = {split: paths[0] for split, paths in named.items() if paths}
    if "train" not in splits:
        if splits and len(splits) == len(subfolders):
            raise ValueError(
                f"`dataset` {folder} has {splits.popitem()[1].name}/ and no train/; add the training images."
            )
        splits = {"train": folder}
    if doubled := [paths for paths in named.values() if len(paths) > 1 and splits["train"] != folder]:
        raise ValueError(f"`dataset` {folder} has {' and '.join(path.name for path in doubled[0])} for one split.")
    class_names: list[str] = []
    files, stats = {}, []
    for split, path in splits.items():
        classes = subfolders if path == folder else _subfolders(path, ignored)
        names = [classfolder.name for classfolder in classes]
        if split == "train":
            class_names = names
            _require_classes(folder, path, names)
        elif names != class_names:
            odd = sorted(set(names) ^ set(class_names))
            raise ValueError(
                f"`dataset` {folder} must have the same classes in {splits['train'].name}/ and {path.name}/, but "
                f"{', '.join(odd[:5])} {'is' if len(odd) == 1 else 'are'} only in one of them."
            )
        files[split] = []
        for label, classfolder in enumerate(classes):
            others: Counter[str] = Counter()
            found = sorted(_images(classfolder, folder, others))
            if not found:
                instead = f", only other files ({_kinds(others)})" if others else ""
                raise ValueError(
                    f"`dataset` {folder} has no images in {classfolder.relative_to(folder)}/{instead}; add some "
                    f"({' '.join(SUFFIXES)}), or remove the folder."
                )
            ignored += others
            stats += found
            files[split] += [(name, label) for name, _, _ in found]
    if splits["train"] != folder:
        for other in set(subfolders) - set(splits.values()):
            ignored[f"the folder {other.name}/"] += 1
    return ImageFolder(class_names, files, stats, ignored)


def decode(
    folder: Path, images: ImageFolder, out: Path, image_size: tuple[int, ...] | None, progress: Progress
) -> dict[str, Any]:
    """Write the images into ``out`` by `write_arrays`, and return the content of the entry of the cache."""

    def encoded(files: list[tuple[str, int]]) -> Callable[[], Iterator[Encoded]]:
        return lambda: ((_printable(name), label, folder / name) for name, label in files)

    splits = {split: encoded(files) for split, files in images.files.items()}
    total = sum(map(len, images.files.values()))
    return write_arrays(splits, total, images.class_names, out, image_size, progress)


def add_ignored(content: dict[str, Any], ignored: Counter[str]) -> None:
    """Add the other files to the content of an entry of the cache, which does not depend on them."""
    if ignored:
        count = ignored.total()
        files = "1 other file is" if count == 1 else f"{count:,} other files are"
        content["notes"].append(f"{files} ignored: {_kinds(ignored)}.")
    content["reading"]["ignored"] = dict(ignored)


def _kinds(ignored: Counter[str]) -> str:
    """Return the most common kinds of other files, and their numbers, in words."""
    return ", ".join(name if number == 1 else f"{name} {number:,}" for name, number in ignored.most_common(5))


def _printable(name: str) -> str:
    """Return the name of a file with the bytes that are not UTF-8 written as ``\\udc..``."""
    return name.encode(errors="backslashreplace").decode()


def _require_classes(folder: Path, path: Path, names: list[str]) -> None:
    if len(names) < 2:
        found = f"only {names[0]}/" if names else "none"
        raise ValueError(
            f"`dataset` {folder} must have a folder of images for each class, and at least two, such as "
            f"{path / 'cat'}/1.jpg and {path / 'dog'}/1.jpg; it has {found}."
        )


def _subfolders(folder: Path, ignored: Counter[str]) -> list[Path]:
    """Return the folders in ``folder``, sorted, but hidden ones; count its files, which have no class."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                ignored["hidden"] += 1
            elif Path(entry.path).is_dir():  # that of the entry raises an error for a link to itself
                if entry.is_symlink() and folder.resolve().is_relative_to(Path(entry.path).resolve()):
                    raise ValueError(
                        f"`dataset` {folder} has {entry.name}/, a link to a folder that it is in; remove the link."
                    )
                found.append(Path(entry.path))
            else:
                ignored["without a class"] += 1
    same: dict[Path, Path] = {}
    for path in sorted(found):
        if (other := same.setdefault(path.resolve(), path)) != path:
            raise ValueError(f"`dataset` {folder} has {path.name}/, the same folder as {other.name}/; remove the link.")
    return sorted(found)


def _images(classfolder: Path, root: Path, ignored: Counter[str]) -> Iterator[tuple[str, int, int]]:
    """Yield relative path, size and time of modification of the image files in a folder and the folders in it."""
    pending = [classfolder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    ignored["hidden"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif entry.is_symlink() and Path(entry.path).is_dir():
                    ignored["linked folder"] += 1
                elif entry.name.lower().endswith(SUFFIXES):
                    try:
                        stat = entry.stat()
                    except OSError:  # a link to nowhere: damaged
                        yield os.path.relpath(entry.path, root), 0, 0
                        continue
                    yield os.path.relpath(entry.path, root), stat.st_size, stat.st_mtime_ns
                else:
                    ignored[_printable(Path(entry.name).suffix.lower()) or "without a suffix"] += 1
