"""One encoded image: its header, and its pixels in a given shape."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from closedform.reasons import one_line

EXIF_FORMATS = {"JPEG", "MPO", "WEBP", "TIFF"}
"""Formats whose EXIF orientation is known from the header; of a PNG, Pillow would decode all."""
ORIENTATION = 0x0112
"""The EXIF tag of the orientation; from 5 on, height and width are swapped."""
SIXTEEN_BIT_FORMATS = {"PNG", "PPM"}
"""Formats whose images of Pillow's mode I, integers of 32 bits, have 16 bits; those of others have no known range."""

type Header = tuple[tuple[int, int], str]
"""(height, width) in pixels, and Pillow's mode, such as RGB, L for gray, or I;16."""


@dataclass(frozen=True)
class DecodedImage:
    """An image as bytes, and what its file has."""

    pixels: np.ndarray
    """(height, width, channels) uint8."""
    header: Header
    """Size and mode of the image in the file."""


def read_header(source: Path | bytes) -> Header | str:
    """Return the header of an image, or why it cannot be read."""
    try:
        with _open(source) as image:
            return _header(image)
    except Exception as error:  # Pillow raises many types
        return _reason(error)


def decode(source: Path | bytes, shape: tuple[int, int, int]) -> DecodedImage | str:
    """Return an image with pixels of ``shape`` (`to_array`), or why it cannot be decoded."""
    try:
        with _open(source) as image:
            header = _header(image)
            return DecodedImage(to_array(image, shape), header)
    except Exception as error:
        return _reason(error)


def _open(source: Path | bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)


def _header(image: Any) -> Header:
    """Return the header of a Pillow image; raise ValueError if its pixels cannot be converted to bytes."""
    width, height = image.size
    if image.format in EXIF_FORMATS and image.getexif().get(ORIENTATION, 1) >= 5:
        height, width = width, height
    if image.mode == "F" or (image.mode == "I" and image.format not in SIXTEEN_BIT_FORMATS):
        raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no known range")
    return (height, width), image.mode


def _reason(error: Exception) -> str:
    """Return why an image is damaged, in words and without the path of its file, which stands beside it."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return error.strerror if isinstance(error, OSError) and error.strerror else one_line(error, 200)


def to_array(image: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a Pillow image as uint8 of ``shape`` (height, width, channels), with 1 or 3 channels.

    It is turned as its EXIF orientation says and converted to gray or RGB: 16 bits are reduced to the upper eight, and
    transparency is dropped. An image of another size is cropped at the centre to the shape, and resized (bicubic).
    Raises an error of Pillow if it is damaged.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    image.draft(mode, (max(height, width),) * 2)  # a JPEG is decoded at an eighth of its size at least
    ImageOps.exif_transpose(image, in_place=True)
    image = eight_bits(image).convert(mode)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(shape)


def eight_bits(image: Any) -> Any:
    """Return a Pillow image of 16 bits of gray with the upper eight, and any other unchanged."""
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image
