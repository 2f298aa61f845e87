"""Image files that a trained network classifies: found, and decoded as those of a training folder are."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nets.data.formats.image_folder import SUFFIXES
from nets.data.formats.one_image import decode, read_header


@dataclass(frozen=True)
class DecodedImage:
    """An image as bytes, and what its file has."""

    pixels: np.ndarray
    """(height, width, channels) uint8."""
    stored_size: tuple[int, int]
    """(height, width) in pixels of the image in the file."""
    stored_mode: str
    """Pillow's mode of the image in the file, such as RGB, L for gray, or I;16."""


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among ``paths``: each file, and in each folder all files with the suffix of an image.

    Folders are searched with their subfolders, in the order of the names; hidden files and folders are left out. Raises
    ValueError if a path does not exist, or a folder has no image.
    """
    files = []
    for path in paths:
        if path.is_dir():
            inside = [
                file
                for file in sorted(path.rglob("*"))
                if file.name.lower().endswith(SUFFIXES)
                and file.is_file()
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


def decode_image(path: Path, shape: tuple[int, int, int]) -> DecodedImage:
    """Return the image in a file as bytes of ``shape`` (height, width, channels), with 1 or 3 channels.

    Size and mode are converted by `nets.data.formats.one_image.to_array`, as those of a training folder. Raises
    ValueError, with the reason, if the file cannot be decoded. Pillow may warn of odd files that it reads all the same.
    """
    header, pixels = read_header(path), decode(path, shape)
    if isinstance(header, str) or isinstance(pixels, str):
        raise ValueError(f"{path} cannot be decoded: {header if isinstance(header, str) else pixels}")
    return DecodedImage(pixels, *header)
