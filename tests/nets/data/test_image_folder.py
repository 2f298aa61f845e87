"""Folders of image files: every mode and size, damaged files, splits, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from nets.data.datasets import load
from nets.data.formats import one_image
from nets.data.formats.one_image import to_array
from tests.nets.data.image_files import write_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_is_read_with_a_stratified_tenth_as_test_images(tmp_path, monkeypatch):
    pixels = write_folder(tmp_path / "pets")
    steps = []
    dataset = load(str(tmp_path / "pets"), None, lambda *step: steps.append(step))
    assert dataset.class_names == ("cat", "dog")
    assert (len(dataset.train), len(dataset.test), dataset.validation) == (36, 4, None)
    np.testing.assert_array_equal(np.bincount(dataset.test.labels), [2, 2])
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    for label in range(2):
        found = {image.tobytes() for image in everything[labels == label]}
        assert found == {image.tobytes() for image in pixels[label]}
    assert isinstance(dataset.train.images, np.memmap)
    assert steps == [("read pets", 40, 40), ("decode pets", 40, 40)]
    assert dataset.notes[0] == "40 images of 2 classes (cat 20, dog 20) are read as RGB of 8 x 6 pixels."
    assert dataset.reading["test"] == {"held_out": 4, "stratified": True, "seed": 0}
    monkeypatch.chdir(tmp_path)
    again = load("pets", None, lambda *_: pytest.fail("decoded again"))  # a name is a path if there is such a folder
    np.testing.assert_array_equal(again.test.images, dataset.test.images)
    assert (again.sha256, again.notes) == (dataset.sha256, dataset.notes)


def test_a_changed_folder_is_decoded_again(tmp_path):
    write_folder(tmp_path / "pets")
    before = load(str(tmp_path / "pets"))
    Image.new("RGB", (6, 8)).save(tmp_path / "pets/cat/100.png")
    after = load(str(tmp_path / "pets"))
    assert len(after.train) + len(after.test) == 41
    assert after.sha256 != before.sha256
    smaller = load(str(tmp_path / "pets"), image_size=(4,))
    assert smaller.image_shape == (4, 4, 3)


def test_splits_keep_their_classes(tmp_path):
    folder = tmp_path / "pets"
    train = write_folder(folder / "train")
    test = write_folder(folder / "Test", count=3, seed=1)
    validation = write_folder(folder / "val", count=4, seed=2)
    (folder / "notes").mkdir()
    dataset = load(str(folder))
    for split, pixels in [(dataset.train, train), (dataset.test, test), (dataset.validation, validation)]:
        np.testing.assert_array_equal(split.images, pixels.reshape(-1, 8, 6, 3))
        np.testing.assert_array_equal(split.labels, np.repeat([0, 1], len(pixels[0])))
    assert "test" not in dataset.reading
    assert dataset.notes[-1] == "1 other file is ignored: the folder notes/."
    (folder / "Test/dog").rename(folder / "Test/dogs")
    with pytest.raises(ValueError, match=r"the same classes in train/ and Test/, but dog, dogs are only in one"):
        load(str(folder))


def test_damaged_and_other_files_are_named_counted_and_left_out(tmp_path):
    folder = tmp_path / "pets"
    write_folder(folder)
    whole = (folder / "cat/000.png").read_bytes()
    (folder / "cat/cut.png").write_bytes(whole[:-40])  # its header is intact
    (folder / "cat/empty.JPG").write_bytes(b"")
    (folder / "dog/gone.png").symlink_to(folder / "nowhere")
    (folder / "dog/page.png").write_text("<html>")
    (folder / "dog/readme.txt").write_text("x")
    (folder / ".hidden").write_text("x")
    (folder / "stray.png").write_bytes(whole)
    dataset = load(str(folder))
    assert len(dataset.train) + len(dataset.test) == 40
    assert dataset.reading["damaged"] == 4
    damaged, ignored = (next(note for note in dataset.notes if word in note) for word in ("damaged", "ignored"))
    assert damaged.startswith(
        "4 damaged images are left out: such as cat/empty.JPG (not an image), dog/gone.png (No such"
    )
    for part in ["3 other files", "hidden", ".txt", "without a class"]:
        assert part in ignored
    for number in range(40):
        (folder / f"dog/bad{number}.png").write_text("x")
    with pytest.raises(ValueError, match=r"43 of the 84 images are damaged, such as .*; copy or download them again"):
        load(str(folder))


def test_a_class_whose_images_are_all_damaged_is_named(tmp_path):
    write_folder(tmp_path / "pets")
    (tmp_path / "pets/bird").mkdir()
    (tmp_path / "pets/bird/1.png").write_text("x")
    with pytest.raises(ValueError, match="class bird has no intact training images"):
        load(str(tmp_path / "pets"))


def test_mixed_sizes_become_the_most_common_and_large_ones_at_most_64_pixels(tmp_path):
    write_folder(tmp_path / "pets")
    write_folder(tmp_path / "pets", classes=("eel", "fox"), size=(20, 10), count=15)
    dataset = load(str(tmp_path / "pets"))
    assert dataset.image_shape == (8, 6, 3)
    assert "The files have 2 sizes: each image is cropped at the centre to the shape 8 x 6" in dataset.notes[1]
    assert load(str(tmp_path / "pets"), image_size=(5, 7)).image_shape == (5, 7, 3)
    write_folder(tmp_path / "large", size=(96, 128), count=10)
    assert load(str(tmp_path / "large")).image_shape == (48, 64, 3)
    for number, side in enumerate([3, 30, 40, 50, 60]):  # a size of their own: the median
        (tmp_path / f"own/{number % 2}").mkdir(parents=True, exist_ok=True)
        for copy in range(4):
            Image.new("L", (side + 5 * copy, side)).save(tmp_path / f"own/{number % 2}/{number}-{copy}.png")
    assert load(str(tmp_path / "own")).image_shape == (40, 50, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "palette with transparency"])
def test_images_of_every_mode_are_converted(mode):
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 4, (6, 5, 3), np.uint8) * 85)
    gray = rgb.convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
        assert image.mode == "I;16"
    elif mode == "palette with transparency":
        image = rgb.quantize(64)
        image.info["transparency"] = 0
    else:
        image = rgb.convert(mode)
    expected = {"1": image, "L": gray, "LA": gray, "I;16": gray, "P": image, "CMYK": image}.get(mode, rgb).convert(
        "RGB"
    )
    np.testing.assert_array_equal(to_array(image.copy(), (6, 5, 3)), np.asarray(expected))
    np.testing.assert_array_equal(to_array(image.copy(), (6, 5, 1))[..., 0], np.asarray(expected.convert("L")))


def test_gray_files_stay_gray_and_exif_turns_an_image(tmp_path):
    for name in ["cat", "dog"]:
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(12):
            image = Image.new("L", (6, 8), 10 * number)
            image.save(tmp_path / f"pets/{name}/{number}.png")
    dataset = load(str(tmp_path / "pets"))
    assert dataset.image_shape == (8, 6, 1)
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[one_image.ORIENTATION] = 6  # a quarter turn clockwise shows it upright
    file = tmp_path / "turned.jpg"
    Image.fromarray(pixels).save(file, exif=exif, quality=95)
    assert one_image.read_header(file) == ((16, 8), "RGB")
    turned = one_image.decode(file, (16, 8, 3))
    assert turned[:6].min() > 200  # the left half is above
    assert turned[-6:].max() < 50


def test_a_large_photograph_is_cropped_at_its_centre(tmp_path):
    pixels = np.zeros((400, 800, 3), np.uint8)
    pixels[:, 200:600] = [200, 100, 50]
    Image.fromarray(pixels).save(tmp_path / "wide.jpg", quality=95)
    image = one_image.decode(tmp_path / "wide.jpg", (16, 16, 3))
    assert np.abs(image[:, 1:-1].astype(int) - [200, 100, 50]).max() < 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: folder.mkdir(),
            r"must have a folder of images for each class, and at least two, .* it has none",
        ),
        (lambda folder: write_folder(folder, ["cat"]), "it has only cat/"),
        (lambda folder: (write_folder(folder), (folder / "emu").mkdir()), "has no images in emu/; add some"),
        (lambda folder: write_folder(folder / "test"), "has test/ and no train/"),
        (lambda folder: write_folder(folder, count=1), "a class has 1 of the 2 images, too few to hold one out"),
        (
            lambda folder: (folder / "cifar10/3.0.2").mkdir(parents=True) or info(folder),
            "a folder of TensorFlow Datasets",
        ),
        (lambda folder: folder.write_text("x"), "must be a folder of images, an .npz file, .* got the file"),
        (lambda _: None, "there is no "),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, cache, make, message):
    make(tmp_path / "pets")
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "pets"))
    assert not list(cache.glob("*"))


def info(folder):
    (folder / "cifar10/3.0.2/dataset_info.json").write_text(json.dumps({}))


def test_an_image_size_is_refused_where_images_have_one():
    with pytest.raises(ValueError, match=r"`image_size` is for files of images, got \(9,\) for digits"):
        load("digits", image_size=(9,))
