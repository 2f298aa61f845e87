"""An image file of any size and mode as an array of bytes of one shape, decoded by Pillow."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from closedform.reasons import one_line

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Pillow's mode of images with so many channels."""


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among ``paths``: each file, and in each folder all files with the suffix of an image.

    Folders are searched with their subfolders, in the order of the names; hidden files and folders are left out. Raises
    ValueError if a path does not exist, or a folder has no image.
    """
    suffixes = Image.registered_extensions()
    files = []
    for path in paths:
        if path.is_dir():
            inside = [
                file
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in suffixes
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


def image_format(path: Path) -> tuple[int, int, str]:
    """Return width and height in pixels, and Pillow's mode of an image file, without decoding it.

    Raises ValueError if it is no image.
    """
    try:
        with Image.open(path) as image:
            return image.width, image.height, image.mode
    except Exception as error:
        raise _damaged(path, error) from error


def decode_image(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the image in the file ``path`` as uint8 of ``shape`` (height, width, channels).

    It is turned as its EXIF orientation says. Of 16 bits the upper eight are taken. Palettes and CMYK are converted to
    colours, gray is repeated for three channels, colours are converted to gray for one, and an alpha channel that
    ``shape`` does not have is dropped. An image of another size is scaled to that of ``shape``, bilinearly and with
    antialiasing, whatever its proportions. Of several frames it is the first. Raises ValueError, with the reason, if
    the file cannot be decoded. Pillow may warn of odd files that it reads all the same.
    """
    height, width, channels = shape
    try:
        with Image.open(path) as stored:
            image = ImageOps.exif_transpose(stored)
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if image.mode in {"I", "F"}:
                raise ValueError("its pixels have 32 bits; convert it to 8 or 16")
            if image.mode == "P" and "transparency" in stored.info and channels in (2, 4):
                image = image.convert("RGBA")
            image = image.convert(MODES[channels])
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(shape)
    except Exception as error:  # Pillow raises many types for damaged files
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = "it is no image that Pillow can read" if isinstance(error, Image.UnidentifiedImageError) else None
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    return ValueError(f"{path} cannot be decoded: {reason or one_line(error)}")
