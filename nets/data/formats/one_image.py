"""One encoded image: its header, and its pixels in a given shape."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from closedform.reasons import one_line

ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""
QUARTER_TURNS = {5, 6, 7, 8}
"""Orientations that swap height and width."""
WIDTH, HEIGHT = 256, 257
"""The tags of a TIFF's stored size."""
SIXTEEN_BIT_FORMATS = {"PNG", "PPM"}
"""Formats whose images of Pillow's mode I, integers of 32 bits, have 16 bits; those of others have no known range."""

type Header = tuple[tuple[int, int], str]
"""(height, width) in pixels of the upright image, and Pillow's mode, such as RGB, L for gray, or I;16."""


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

    if isinstance(source, bytes):
        if not source:
            raise ValueError("empty")
        return Image.open(io.BytesIO(source))
    if not source.is_file() and source.exists():  # a pipe, for one: opening it would wait for its writer
        raise ValueError("not a regular file")
    return Image.open(source)


def _header(image: Any) -> Header:
    """Return the header of a Pillow image; raise ValueError if its pixels cannot be converted to bytes."""
    width, height = image.size
    if image.format == "TIFF":  # of some, Pillow has swapped the size already
        width, height = image.tag_v2[WIDTH], image.tag_v2[HEIGHT]
    if _orientation(image) in QUARTER_TURNS:
        height, width = width, height
    if image.mode == "F" or (image.mode == "I" and image.format not in SIXTEEN_BIT_FORMATS):
        raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no known range")
    return (height, width), image.mode


def _orientation(image: Any) -> int:
    """Return the EXIF orientation of a Pillow image; only a PNG with metadata behind its pixels is decoded for it."""
    from PIL import Image

    if image.format == "PNG" and _has_late_metadata(image.fp):
        image.load()
    return Image.Image.getexif(image).get(ORIENTATION, 1)  # that of the class of PNG decodes all


def _has_late_metadata(png: Any) -> bool:
    """Return whether the stream of a PNG has metadata with an orientation, EXIF or XMP, behind its pixels."""
    before, position, pixels = png.tell(), 8, False
    try:
        while png.seek(position) and len(head := png.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if pixels and (
                kind == b"eXIf" or png.read(21).startswith((b"Raw profile type exif", b"XML:com.adobe.xmp"))
            ):
                return True
            pixels |= kind == b"IDAT"
            position += 12 + length  # with the kind, the length and the checksum
        return False
    finally:
        png.seek(before)


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
