"""Data sets: decoded once and correctly; incomplete or damaged files are never used."""

import errno
import io
import json
import os
import time

import numpy as np
import pytest
from PIL import Image

from nets.data import image_cache, tfds_folder
from nets.data.datasets import data_directory, load
from nets.data.splits import Split, hold_out, subset
from tests.nets.data import tfds_data

NAMES = ["ship", "a class with a long name", "c"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
@pytest.mark.parametrize("shape", [(6, 5, 3), (4, 7, 1)])
def test_a_prepared_data_set_is_read_as_written(tmp_path, shape, file_format):
    images, labels = tfds_data.random_images(shape)
    tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat=file_format)
    steps = []
    dataset = load("small", tmp_path, lambda *step: steps.append(step))
    for split in ["train", "test"]:
        actual = getattr(dataset, split)
        np.testing.assert_array_equal(actual.images, images[split])
        np.testing.assert_array_equal(actual.labels, labels[split])
        np.testing.assert_array_equal(actual.index, np.arange(len(labels[split])))
        assert (actual.images.dtype, actual.labels.dtype) == (np.uint8, np.int32)
        assert isinstance(actual.images, np.memmap)
    assert (dataset.class_names, dataset.image_shape) == (tuple(NAMES), shape)
    assert steps[-1] == ("decode small", 42, 42)


def test_a_data_set_is_decoded_once_and_again_if_its_source_changes(tmp_path):
    images, labels = tfds_data.random_images((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES)
    load("small", tmp_path)
    load("small", tmp_path, lambda *_: pytest.fail("decoded again"))
    (folder / "label.labels.txt").write_text("x\ny\nz\n")
    assert load("small", tmp_path).class_names == ("x", "y", "z")


def test_the_newest_version_is_read_and_a_challenge_uses_its_validation_split(tmp_path):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, ["old", "b", "c"], version="9.0.0")
    images["validation"], labels["validation"] = images.pop("test"), labels.pop("test")
    tfds_data.write(tmp_path, "small", images, labels, NAMES, version="10.0.0", test="validation")
    dataset = load("small", tmp_path)
    assert dataset.class_names == tuple(NAMES)
    np.testing.assert_array_equal(dataset.test.images, images["validation"])


@pytest.mark.parametrize("damage", ["bytes", "missing", "json", "empty"])
def test_a_damaged_cache_is_detected_and_written_again(tmp_path, cache, caplog, damage):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    load("small", tmp_path)
    (entry,) = cache.iterdir()
    file = entry / {"json": "entry.json"}.get(damage, "train_images.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink()
    if damage != "missing":
        file.write_bytes(b"" if damage == "empty" else content)
    np.testing.assert_array_equal(load("small", tmp_path).train.images, images["train"])
    assert "are damaged" in caplog.text
    assert image_cache._damage(entry) is None


def test_a_full_disk_leaves_no_entry_and_the_error_names_the_way_out(tmp_path, cache, monkeypatch):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(
        OSError, match=r"images of small cannot be cached in .*No space left on device.*CLOSEDFORM_CACHE"
    ):
        load("small", tmp_path)
    assert not list(cache.iterdir())


def test_unfinished_entries_are_removed_after_a_day(tmp_path, cache):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    for name, age in [("unfinished-old", 90000), ("unfinished-new", 100)]:
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age,) * 2)
    load("small", tmp_path)
    assert {entry.name.split("-")[1] for entry in cache.glob("unfinished-*")} == {"new"}


def test_an_interrupt_leaves_no_entry(tmp_path, cache):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("small", tmp_path, interrupt)
    assert not list(cache.iterdir())


def test_two_concurrent_processes_get_the_same_images(tmp_path, cache, caplog):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    others = []

    def load_in_between(*_):  # as another process that starts later and ends first
        if not others:
            others.append(None)
            others[0] = load("small", tmp_path)

    first = load("small", tmp_path, load_in_between)
    for dataset in [first, *others]:
        np.testing.assert_array_equal(dataset.train.images, images["train"])
    (entry,) = cache.iterdir()
    assert image_cache._damage(entry) is None
    assert not caplog.records


def test_a_missing_data_set_is_not_prepared(tmp_path):
    with pytest.raises(tfds_folder.NotPreparedError, match="data set 'mnist' is not in the data folder"):
        load("mnist", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`data_dir` must be a folder, got the file"):
        load("mnist", tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fileFormat": "riegeli"}, "its files are riegeli; convert them to array_record with `tfds convert_format`"),
        (
            {"supervisedKeys": {"tuple": {"items": [{"featureKey": "label"}, {"featureKey": "image"}]}}},
            "one class each",
        ),
    ],
)
def test_an_unsupported_data_set_is_refused_in_one_line(tmp_path, changes, message):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES, **changes)
    with pytest.raises(ValueError, match=message) as error:
        load("small", tmp_path)
    assert "\n" not in str(error.value)


def test_undecodable_images_and_labels_out_of_range_are_refused(tmp_path):
    images, labels = tfds_data.random_images((4, 4, 3))
    labels["test"][0] = 7
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    with pytest.raises(ValueError, match="its test split lacks images or labels"):
        load("small", tmp_path)
    images["test"] = images["test"][:, :2]  # smaller than features.json says
    labels["test"][0] = 0
    tfds_data.write(tmp_path, "cut", images, labels, NAMES)
    with pytest.raises(ValueError, match="cannot be read: test image 0 to 11: an image of 4 x 2, not 4 x 4"):
        load("cut", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "length", "record"])
def test_a_damaged_tfrecord_file_is_detected(tmp_path, damage):
    images, labels = tfds_data.random_images((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat="tfrecord")
    file = folder / "small-test.tfrecord-00000-of-00001"
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        del content[-10:]
    else:
        content[{"length": 0, "record": 40}[damage]] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"cannot be read: test image 0 to 11: small-test.tfrecord.* is (damaged|truncated)"
    ):
        load("small", tmp_path)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="test image 0 to 11: there are no more records; prepare it again"):
        load("small", tmp_path)


@pytest.mark.parametrize(
    ("file_format", "claimed_length"), [("tfrecord", 1), ("tfrecord", 5), ("tfrecord", 20), ("array_record", 20)]
)
def test_a_wrong_number_of_records_is_refused(tmp_path, file_format, claimed_length):
    images, labels = tfds_data.random_images((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat=file_format)
    info = json.loads((folder / "dataset_info.json").read_text())
    (test,) = (split for split in info["splits"] if split["name"] == "test")
    assert test["shardLengths"] == ["12"]
    test["shardLengths"] = [str(claimed_length)]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"12 records instead of 20|more than the .* records|cannot be read"):
        load("small", tmp_path)


def encode(image, file_format="PNG"):
    stream = io.BytesIO()
    image.save(stream, format=file_format)
    return stream.getvalue()


def test_images_are_converted_to_the_channels_of_their_feature():
    rng = np.random.default_rng(0)
    gray16 = rng.integers(0, 2**16, (4, 5), np.uint16)
    colours = rng.integers(0, 4, (4, 5, 3), np.uint8) * 60
    gray, rgb = Image.fromarray((gray16 >> 8).astype(np.uint8)), Image.fromarray(colours)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(gray)
    palette = rgb.quantize(64)
    for image, shape, expected in [
        (Image.fromarray(gray16), (4, 5, 1), np.asarray(gray)[..., None]),
        (Image.fromarray(gray16), (4, 5, 3), np.stack([gray] * 3, axis=-1)),
        (palette, (4, 5, 3), np.asarray(palette.convert("RGB"))),
        (gray, (4, 5, 3), np.stack([gray] * 3, axis=-1)),
        (rgba, (4, 5, 3), colours),
        (rgba, (4, 5, 4), np.asarray(rgba)),
        (gray.convert("LA"), (4, 5, 1), np.asarray(gray)[..., None]),
        (
            gray.point(lambda level: 255 * (level > 99)).convert("1"),
            (4, 5, 1),
            255 * (np.asarray(gray) > 99)[..., None],
        ),
        (rgb, (4, 5, 3), colours),
    ]:
        np.testing.assert_array_equal(tfds_folder.decode_image(encode(image), shape), expected)
    jpeg = tfds_folder.decode_image(encode(gray, "JPEG"), (4, 5, 3))
    np.testing.assert_array_equal(jpeg, np.repeat(tfds_folder.decode_image(encode(gray, "JPEG"), (4, 5, 1)), 3, axis=2))
    assert tfds_folder.decode_image(encode(rgb.convert("CMYK"), "JPEG"), (4, 5, 3)).shape == (4, 5, 3)


def test_16_bit_gray_images_are_read_from_a_data_set(tmp_path):
    images, labels = tfds_data.random_images((4, 5, 1))
    gray16 = {
        split: [encode(Image.fromarray(image[..., 0].astype(np.uint16) * 257)) for image in part]
        for split, part in images.items()
    }
    tfds_data.write(tmp_path, "small", gray16, labels, NAMES, shape=(4, 5, 1))
    np.testing.assert_array_equal(load("small", tmp_path).train.images, images["train"])


def test_a_version_can_be_selected_and_a_nested_data_dir_is_refused(tmp_path):
    images, labels = tfds_data.random_images((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, ["old", "b", "c"], version="1.0.0")
    tfds_data.write(tmp_path, "small", images, labels, NAMES, version="2.0.0")
    assert load("small:1.0.0", tmp_path).class_names[0] == "old"
    with pytest.raises(ValueError, match=r"'small:3.0.0' is not in .*, which has small 1.0.0, 2.0.0"):
        load("small:3.0.0", tmp_path)
    for nested in [tmp_path / "small", tmp_path / "small/2.0.0"]:
        with pytest.raises(ValueError, match=rf"the folder of one data set; perhaps {tmp_path}\."):
            load("small", nested)


def test_the_data_directory_is_the_argument_or_the_environment_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    assert data_directory(None) == tmp_path / "data"
    assert data_directory(tmp_path) == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data_directory(None).name == "tensorflow_datasets"


def test_digits_are_complete_and_their_split_is_fixed_and_stratified():
    digits = load("digits")
    assert (len(digits.train), len(digits.test), digits.image_shape) == (1437, 360, (8, 8, 1))
    assert set(np.unique(digits.train.images)) == {round(255 * k / 16) for k in range(17)}
    assert digits.train.labels.sum() + digits.test.labels.sum() == 8070  # of the 1,797 in scikit-learn
    counts = np.bincount(digits.train.labels) / 4 - np.bincount(digits.test.labels)
    assert np.abs(counts).max() < 2
    np.testing.assert_array_equal(digits.test.images, load("digits").test.images)


@pytest.mark.parametrize("count", [13, 40, None])
def test_held_out_images_are_a_stratified_sample(count):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [200, 100, 100])).astype(np.int32)
    split = Split(np.arange(400, dtype=np.uint8).reshape(400, 1, 1, 1), labels, np.arange(400))
    train, validation = hold_out(split, count, seed=0)
    assert len(validation) == (count or 40)
    np.testing.assert_array_equal(np.sort(np.concatenate([train.index, validation.index])), np.arange(400))
    np.testing.assert_array_equal(validation.labels, labels[validation.index])
    if count != 13:
        np.testing.assert_array_equal(np.bincount(validation.labels), [20, 10, 10])
    other = hold_out(split, count, seed=1)[1]
    assert set(other.index) != set(validation.index)
    np.testing.assert_array_equal(hold_out(split, count, seed=0)[1].index, validation.index)


def test_a_subset_has_every_class():
    labels = np.array([0] * 60 + [1] * 59 + [2])
    split = Split(np.zeros((120, 1, 1, 1), np.uint8), labels, np.arange(120))
    for limit in [3, 30, 119]:
        counts = np.bincount(subset(split, limit, seed=0).labels)
        assert (counts[2], counts.sum(), counts[:2].min() >= (limit - 1) // 2 - 1) == (1, limit, True)
    with pytest.raises(ValueError, match=r"`limit` must be between 3, the number of classes, and 120"):
        subset(split, 2, seed=0)


def test_zero_images_can_be_held_out_and_too_few_or_too_many_cannot():
    split = load("digits").train
    train, validation = hold_out(split, 0, seed=0)
    assert (len(train), len(validation)) == (1437, 0)
    for count in [9, 1428]:
        with pytest.raises(
            ValueError, match=f"`validation` must be 0, or leave an image of each of the 10 classes .* got {count} of"
        ):
            hold_out(split, count, seed=0)
    rare = Split(split.images[:100], np.repeat([0, 1], [99, 1]), np.arange(100))
    with pytest.raises(ValueError, match="an image of each of the 2 classes on both sides, got 10 of the 100"):
        hold_out(rare, 10, seed=0)
