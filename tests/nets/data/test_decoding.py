"""Image files of every mode and size become bytes of one shape; damaged ones are named."""

import numpy as np
import pytest
from PIL import Image

from nets.data.decoding import decode_image, image_files, image_format

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def test_an_image_of_the_shape_is_unchanged(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png", (6, 9, 3)), COLOURS)
    assert image_format(tmp_path / "a.png") == (9, 6, "RGB")


def test_sixteen_bits_are_reduced_and_gray_is_repeated(tmp_path):
    Image.fromarray(GRAY.astype(np.uint16) * 256 + 200).save(tmp_path / "a.png")
    assert image_format(tmp_path / "a.png")[2] == "I;16"
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png", (6, 9, 1))[..., 0], GRAY)
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png", (6, 9, 3)), np.repeat(GRAY[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_converted(tmp_path, mode, channels):
    image = Image.fromarray(np.full((6, 9, 3), 255, np.uint8)).convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    image.save(path)
    np.testing.assert_array_equal(decode_image(path, (6, 9, channels)), 255)


def test_another_size_is_scaled_with_antialiasing(tmp_path):
    board = np.indices((40, 60)).sum(axis=0) % 2 * 255  # single pixels: without antialiasing 0 and 255 remain
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "a.png")
    scaled = decode_image(tmp_path / "a.png", (4, 4, 1))
    assert np.abs(scaled.astype(int) - 127).max() < 20


def test_an_image_is_turned_as_its_orientation_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png", (9, 6, 3)), np.rot90(COLOURS, k=-1))


def test_what_cannot_be_decoded_is_named_with_the_reason(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-60])
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(GRAY.astype(np.float32)).save(tmp_path / "float.tiff")
    for name, reason in {
        "cut.png": r".+",
        "text.jpg": "it is no image that Pillow can read",
        "float.tiff": "its pixels have 32 bits",
        "missing.png": "No such file",
    }.items():
        with pytest.raises(ValueError, match=rf"{name} cannot be decoded: {reason}"):
            decode_image(tmp_path / name, (6, 9, 3))
    with pytest.raises(ValueError, match=r"text.jpg cannot be decoded: it is no image"):
        image_format(tmp_path / "text.jpg")


def test_folders_are_searched_for_image_files(tmp_path):
    for name in ["b/2.JPG", "b/1.png", "a/3.webp", "a/.hidden.png", ".cache/4.png", "a/notes.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = tmp_path / "a/notes.txt"  # a file that is named is tried, whatever its suffix
    found = [str(file.relative_to(tmp_path)) for file in image_files([named, tmp_path])]
    assert found == ["a/notes.txt", "a/3.webp", "b/1.png", "b/2.JPG"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"got .*empty, which has none"):
        image_files([tmp_path / "empty"])
    with pytest.raises(ValueError, match=r"there is no .*nowhere"):
        image_files([tmp_path / "nowhere"])
