"""Image files to predict are found, decoded with what they were, and named if damaged."""

import numpy as np
import pytest
from PIL import Image

from nets.data.decoding import image_files
from nets.data.formats.one_image import decode

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def test_pixels_size_and_mode_are_those_of_the_file(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png", (6, 9, 3))
    np.testing.assert_array_equal(image.pixels, COLOURS)
    assert image.header == ((6, 9), "RGB")
    Image.fromarray(GRAY.astype(np.uint16) * 256 + 200).save(tmp_path / "b.png")
    image = decode(tmp_path / "b.png", (6, 9, 3))
    np.testing.assert_array_equal(image.pixels, np.repeat(GRAY[..., None], 3, axis=2))
    assert image.header == ((6, 9), "I;16")
    assert decode(tmp_path / "a.png", (3, 4, 1)).pixels.shape == (3, 4, 1)


def test_what_cannot_be_decoded_has_a_reason(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-60])
    (tmp_path / "text.jpg").write_text("no image")
    for name, reason in {"cut.png": "truncated", "text.jpg": "not an image", "missing.png": "No such file"}.items():
        assert reason in decode(tmp_path / name, (6, 9, 3))


def test_folders_are_searched_for_image_files(tmp_path):
    for name in ["b/2.JPG", "b/1.png", "a/3.webp", "a/.hidden.png", ".cache/4.png", "a/notes.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b/gone.png").symlink_to(tmp_path / "nowhere")  # damaged, as in training
    (tmp_path / "b/folder.png").mkdir()
    (tmp_path / "b/linked").symlink_to(tmp_path / "a")  # found there
    named = tmp_path / "a/notes.txt"  # a file that is named is tried, whatever its suffix
    found = [str(file.relative_to(tmp_path)) for file in image_files([named, tmp_path])]
    assert found == ["a/notes.txt", "a/3.webp", "b/1.png", "b/2.JPG", "b/gone.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"got .*empty, which has none"):
        image_files([tmp_path / "empty"])
    with pytest.raises(ValueError, match=r"there is no .*nowhere"):
        image_files([tmp_path / "nowhere"])
