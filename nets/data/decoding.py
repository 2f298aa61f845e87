"""Image files that a trained network classifies."""

from collections.abc import Iterable
from pathlib import Path

from nets.data.formats.image_folder import SUFFIXES


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among ``paths``: each file, and in each folder all files with the suffix of an image.

    Folders are searched with their subfolders, in the order of the names; hidden files and folders, and links to
    folders, are left out. A link to nowhere is one of the files, as it is a damaged file in training. Raises ValueError
    if a path does not exist, or a folder has no image.
    """
    files = []
    for path in paths:
        if path.is_dir():
            inside = [
                file
                for file in sorted(path.rglob("*"))
                if file.name.lower().endswith(SUFFIXES)
                and not file.is_dir()
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
            ]
            if not inside:
                raise ValueError(f"`images` must be image files or folders with some, got {path}, which has none.")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise ValueError(f"`images` must be image files or folders with some, and there is no {path}.")
    return files
