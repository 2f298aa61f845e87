"""Folders of image files: every mode and size, damaged files, splits, and what is refused."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nets.data.datasets import load
from nets.data.formats import encoded_images, one_image
from nets.data.formats.one_image import to_array
from nets.data.splits import hold_out
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
    assert steps == [("read pets", 40, 40), ("decode pets", 40, 40), ("divide pets", 36, 40), ("divide pets", 40, 40)]
    assert dataset.notes[0] == "40 images of 2 classes (cat 20, dog 20) are read as RGB of 8 x 6 pixels."
    assert dataset.reading["test"] == {"held_out": 4, "stratified": True, "seed": 0}
    monkeypatch.chdir(tmp_path)
    for name in ["pets", "./pets", "pets/", "../" + tmp_path.name + "/pets"]:  # a path if there is such a folder
        again = load(name, None, lambda *_: pytest.fail("decoded again"))
        np.testing.assert_array_equal(again.test.images, dataset.test.images)
        assert (again.name, again.sha256, again.notes) == (str(tmp_path / "pets"), dataset.sha256, dataset.notes)


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
    assert list(dataset.reading["damaged_files"]) == ["cat/cut.png", "cat/empty.JPG", "dog/gone.png", "dog/page.png"]
    damaged, ignored = (next(note for note in dataset.notes if word in note) for word in ("damaged", "ignored"))
    assert damaged.startswith("4 damaged images are left out: such as cat/cut.png (image file is truncated")
    assert damaged.endswith("dog/gone.png (No such file or directory); config.json has all.")
    for part in ["3 other files", "hidden", ".txt", "without a class"]:
        assert part in ignored
    (folder / "dog/more.txt").write_text("x")
    again = load(str(folder), None, lambda *_: pytest.fail("decoded again"))
    assert again.reading["ignored"] == {"hidden": 1, ".txt": 2, "without a class": 1}
    assert again.notes[:-1] == dataset.notes[:-1]
    assert again.notes[-1].startswith("4 other files are ignored")
    for number in range(40):
        (folder / f"dog/bad{number}.png").write_text("x")
    with pytest.raises(ValueError, match=r"43 of the 84 images are damaged, such as .*; copy or download them again"):
        load(str(folder))


def test_a_class_whose_images_are_all_damaged_is_named(tmp_path):
    write_folder(tmp_path / "pets")
    (tmp_path / "pets/bird").mkdir()
    (tmp_path / "pets/bird/1.png").write_text("x")
    message = r"no intact training images of class bird: bird/1.png \(not an image\); copy them again, or remove them"
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "pets"))


def test_a_split_or_class_of_test_images_that_is_damaged_is_named(tmp_path):
    folder = tmp_path / "pets"
    write_folder(folder / "train")
    for name, count in [("Test", 2), ("val", 1)]:
        write_folder(folder / name, count=count, seed=1)
    for path in [*folder.glob("Test/dog/*.png"), folder / "val/cat/000.png"]:
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match=r"no intact test images of class dog: Test/dog/000.png \(.*Test/dog/001.png"):
        load(str(folder))
    for path in folder.glob("Test/dog/*.png"):
        Image.new("RGB", (6, 8)).save(path)
    (folder / "val/dog/000.png").write_text("x")
    with pytest.raises(ValueError, match=r"no intact validation images: val/cat/000\.png"):
        load(str(folder))


def test_test_images_are_held_out_of_the_intact_images(tmp_path):
    write_folder(tmp_path / "pets", count=21)
    for name in ["cat", "dog"]:
        for path in sorted((tmp_path / "pets" / name).iterdir())[1:]:
            path.write_bytes(path.read_bytes()[:-60] if path.stem[-1] in "13579" else path.read_bytes())
    dataset = load(str(tmp_path / "pets"))
    assert (len(dataset.train), len(dataset.test), dataset.reading["damaged"]) == (20, 2, 20)
    np.testing.assert_array_equal(np.sort(dataset.test.labels), [0, 1])
    write_folder(tmp_path / "few", count=2)
    for path in (tmp_path / "few").glob("*/000.png"):
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match="a class has 1 of the 2 images, too few to hold one out"):
        load(str(tmp_path / "few"))


def test_a_linked_class_is_read_and_a_linked_folder_within_a_class_is_counted(tmp_path):
    folder = tmp_path / "pets"
    write_folder(tmp_path / "elsewhere", ["fox"])
    write_folder(folder)
    (folder / "fox").symlink_to(tmp_path / "elsewhere/fox")
    for name in ["more", "more.png"]:
        (folder / "cat" / name).symlink_to(tmp_path / "elsewhere/fox")
    (folder / "itself").symlink_to(folder / "itself")
    dataset = load(str(folder))
    assert (dataset.class_names, len(dataset.train) + len(dataset.test)) == (("cat", "dog", "fox"), 60)
    assert dataset.reading["ignored"] == {"linked folder": 2, "without a class": 1}
    assert dataset.reading["damaged"] == 0
    assert dataset.notes[-1] == "3 other files are ignored: linked folder 2, without a class."
    (folder / "gnu").mkdir()
    (folder / "gnu/more").symlink_to(tmp_path / "elsewhere/fox")
    (folder / "gnu/1.heic").touch()
    message = r"has no images in gnu/, only other files \((linked folder, .heic|.heic, linked folder)\); add some"
    with pytest.raises(ValueError, match=message):
        load(str(folder))


def test_a_link_to_another_class_or_split_is_refused(tmp_path):
    write_folder(tmp_path / "pets")
    (tmp_path / "pets/gnu").symlink_to("cat")
    with pytest.raises(ValueError, match=r"`dataset` .*pets has gnu/, the same folder as cat/; remove the link"):
        load(str(tmp_path / "pets"))
    write_folder(tmp_path / "split/train")
    (tmp_path / "split/test").symlink_to("train")
    with pytest.raises(ValueError, match="has train/, the same folder as test/; remove the link"):
        load(str(tmp_path / "split"))


def test_a_pipe_does_not_stop_the_reading(tmp_path):
    write_folder(tmp_path / "pets")
    os.mkfifo(tmp_path / "pets/cat/000.jpg")
    dataset = load(str(tmp_path / "pets"))
    assert dataset.reading["damaged_files"] == {"cat/000.jpg": "not a regular file"}
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match=r"cannot be used: pipe.npz is not a regular file; copy it into one"):
        load(str(tmp_path / "pipe.npz"))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_pixels_of_unknown_range_are_damaged_whatever_decodes_them(tmp_path, kind):
    write_folder(tmp_path / "pets")
    for number in range(5):
        Image.fromarray(np.full((8, 6), 200, kind)).save(tmp_path / f"pets/cat/{number}.tif")
    dataset = load(str(tmp_path / "pets"))
    assert (len(dataset.train) + len(dataset.test), dataset.reading["damaged"]) == (40, 5)
    assert "pixels of 32 bits" in dataset.reading["damaged_files"]["cat/0.tif"]
    assert isinstance(one_image.decode(tmp_path / "pets/cat/0.tif", (8, 6, 3)), str)
    (tmp_path / "16 bits.pgm").write_bytes(b"P5 1 1 65535\n\x80\x00")  # Pillow's mode is that of 32 bits
    np.testing.assert_array_equal(one_image.decode(tmp_path / "16 bits.pgm", (1, 1, 1)).pixels, [[[128]]])


def test_each_image_has_the_name_of_its_file(tmp_path):
    pixels = write_folder(tmp_path / "pets")
    (tmp_path / "pets/cat/001.png").write_text("x")
    dataset = load(str(tmp_path / "pets"))
    train, validation = hold_out(dataset.stored().train, None, seed=1)
    for split in [train, validation, dataset.test]:
        for image, name in zip(np.asarray(split.images), split.files, strict=True):
            label, number = name.split("/")
            np.testing.assert_array_equal(image, pixels[["cat", "dog"].index(label), int(number[:3])])
    assert len({*train.files, *validation.files, *dataset.test.files}) == 39


def test_few_large_images_are_in_memory_at_a_time(tmp_path, monkeypatch):
    write_folder(tmp_path / "pets", count=10)
    monkeypatch.setattr(encoded_images, "BLOCK_BYTES", 3 * 24 * 24 * 4)
    waiting = []
    decode = encoded_images.decode
    monkeypatch.setattr(encoded_images, "decode", lambda *args, **named: waiting.append(1) or decode(*args, **named))
    largest = []
    add = encoded_images._Found.add
    monkeypatch.setattr(encoded_images._Found, "add", lambda *args: largest.append(len(waiting)) or add(*args))
    load(str(tmp_path / "pets"), image_size=(24,))
    assert max(decoded - position for position, decoded in enumerate(largest[20:])) <= 4


def test_images_that_fit_nowhere_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    write_folder(tmp_path / "pets")
    with pytest.raises(
        ValueError, match=r"`image_size` must be smaller: an image of 300,000 x 300,000 pixels takes 2,160"
    ):
        load(str(tmp_path / "pets"), image_size=(300000,))
    usage = SimpleNamespace(free=40 * 9 * 9 * 3 - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"cannot be cached in .* \(40 images of 9 x 9 pixels take 0.0 GB, and .* free\)"):
        load(str(tmp_path / "pets"), image_size=(9,))
    usage.free += 1
    assert load(str(tmp_path / "pets"), image_size=(9,)).image_shape == (9, 9, 3)


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
    turned = one_image.decode(file, (16, 8, 3)).pixels
    assert turned[:6].min() > 200  # the left half is above
    assert turned[-6:].max() < 50


def test_a_large_photograph_is_cropped_at_its_centre(tmp_path):
    pixels = np.zeros((400, 800, 3), np.uint8)
    pixels[:, 200:600] = [200, 100, 50]
    Image.fromarray(pixels).save(tmp_path / "wide.jpg", quality=95)
    image = one_image.decode(tmp_path / "wide.jpg", (16, 16, 3)).pixels
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
        (
            lambda folder: (write_folder(folder), (folder / "loop").symlink_to(folder)),
            "has loop/, a link to a folder that it is in; remove",
        ),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, cache, make, message):
    make(tmp_path / "pets")
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "pets"))
    assert not list(cache.glob("*"))


def info(folder):
    (folder / "cifar10/3.0.2/dataset_info.json").write_text(json.dumps({}))


@pytest.mark.parametrize("name", ["digits", "photso"])
def test_an_image_size_is_refused_where_there_are_no_files(tmp_path, name):
    message = (
        rf"`image_size` is for files of images, got \(9,\), and there are none of `dataset` {name}; correct the path"
    )
    with pytest.raises(ValueError, match=message):
        load(name, tmp_path, image_size=(9,))


@pytest.mark.parametrize(
    ("name", "message"), [("", "got ''"), ("pets/", "there is no pets"), ("~nosuchuser/x", "~nosuchuser")]
)
def test_a_name_without_files_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"`dataset` must be a file or folder.*{message}"):
        load(name, tmp_path)
