"""One encoded image: its size is that of the upright image, in every format and orientation."""

import io
import os

import numpy as np
import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from nets.data.formats import one_image

STORED = np.kron(np.array([[10, 90, 250], [200, 150, 50]], np.uint8), np.ones((16, 16), np.uint8))  # (32, 48)
UPRIGHT = {  # by the table of the EXIF standard
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: np.rot90(STORED, -1),
    7: STORED[::-1, ::-1].T,
    8: np.rot90(STORED),
}


def encoded(file_format, orientation, **options):
    exif = Image.Exif()
    exif[one_image.ORIENTATION] = orientation
    stream = io.BytesIO()
    Image.fromarray(STORED).convert("RGB").save(stream, file_format, **{"exif": exif} | options)
    return stream.getvalue()


def xmp(orientation):
    return f"<x:xmpmeta><tiff:Orientation>{orientation}</tiff:Orientation></x:xmpmeta>"


def png_with_xmp(orientation):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp(orientation))
    return encoded("PNG", orientation, exif=None, pnginfo=info)


def pixels_first(png, kind):
    """Move the metadata of a PNG behind its pixels, where some programs write them."""
    start = png.index(kind) - 4
    stop = start + 12 + int.from_bytes(png[start : start + 4])
    return png[:start] + png[stop:-12] + png[start:stop] + png[-12:]


FILES = {
    "JPEG": lambda orientation: encoded("JPEG", orientation, quality=95),
    "MPO": lambda orientation: encoded("MPO", orientation, save_all=True, append_images=[Image.fromarray(STORED)]),
    "PNG": lambda orientation: encoded("PNG", orientation),
    "PNG, EXIF behind the pixels": lambda orientation: pixels_first(encoded("PNG", orientation), b"eXIf"),
    "PNG, XMP": png_with_xmp,
    "PNG, XMP behind the pixels": lambda orientation: pixels_first(png_with_xmp(orientation), b"iTXt"),
    "WebP": lambda orientation: encoded("WEBP", orientation, lossless=True),
    "AVIF": lambda orientation: encoded("AVIF", orientation, quality=95),
    "TIFF": lambda orientation: encoded("TIFF", orientation),
    "TIFF, compressed": lambda orientation: encoded("TIFF", orientation, compression="tiff_lzw"),
    "TIFF, XMP": lambda orientation: encoded("TIFF", orientation, exif=None, tiffinfo={700: xmp(orientation).encode()}),
}


@pytest.mark.parametrize("kind", FILES)
def test_an_image_is_upright_and_so_is_the_size_of_its_header(kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    for orientation, upright in UPRIGHT.items():
        content = FILES[kind](orientation)
        header = one_image.read_header(content)
        assert header == (upright.shape, "RGB")
        image = one_image.decode(content, (*upright.shape, 3))
        assert image.header == header
        np.testing.assert_allclose(image.pixels, np.repeat(upright[..., None], 3, axis=2), atol=20)  # of lossy formats


def test_the_header_of_a_png_is_read_without_its_pixels(monkeypatch):
    content = encoded("PNG", 6)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert one_image.read_header(content) == ((48, 32), "RGB")


def test_formats_without_an_orientation_and_unknown_ones_are_as_stored():
    for file_format in ["BMP", "GIF", "PPM"]:
        assert one_image.read_header(encoded(file_format, 6))[0] == STORED.shape
    assert one_image.read_header(encoded("JPEG", 9))[0] == STORED.shape


def test_a_pipe_is_damaged_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert one_image.read_header(tmp_path / "pipe.jpg") == "not a regular file"
    assert one_image.decode(tmp_path / "pipe.jpg", (8, 8, 3)) == "not a regular file"
    assert one_image.read_header(b"") == "empty"
