"""Data: what is decoded is what was written, once, and nothing half-made or damaged is ever used."""

import errno
import io
import json
import multiprocessing
import os
import time

import numpy as np
import pytest
from PIL import Image

from nets.data import datasets as data
from nets.data import image_cache, tfds_folder
from tests.nets.data import tfds_data

NAMES = ["ship", "a class with a long name", "c"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
@pytest.mark.parametrize("shape", [(6, 5, 3), (4, 7, 1)])
def test_a_prepared_data_set_is_read_as_it_was_written(tmp_path, shape, file_format):
    images, labels = tfds_data.random(shape)
    tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat=file_format)
    steps = []
    dataset = data.load("small", tmp_path, lambda *step: steps.append(step))
    for split in ["train", "test"]:
        got = getattr(dataset, split)
        np.testing.assert_array_equal(got.images, images[split])
        np.testing.assert_array_equal(got.labels, labels[split])
        np.testing.assert_array_equal(got.index, np.arange(len(labels[split])))
        assert (got.images.dtype, got.labels.dtype) == (np.uint8, np.int32)
        assert isinstance(got.images, np.memmap)
    assert (dataset.class_names, dataset.image_shape) == (tuple(NAMES), shape)
    assert steps[-1] == ("decode small", 42, 42)


def test_the_second_time_nothing_is_decoded_and_a_changed_source_is(tmp_path):
    images, labels = tfds_data.random((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES)
    data.load("small", tmp_path)
    data.load("small", tmp_path, lambda *_: pytest.fail("decoded again"))
    (folder / "label.labels.txt").write_text("x\ny\nz\n")
    assert data.load("small", tmp_path).class_names == ("x", "y", "z")


def test_the_newest_version_is_read_and_a_challenge_is_tested_on_validation(tmp_path):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, ["old", "b", "c"], version="9.0.0")
    images["validation"], labels["validation"] = images.pop("test"), labels.pop("test")
    tfds_data.write(tmp_path, "small", images, labels, NAMES, version="10.0.0", test="validation")
    dataset = data.load("small", tmp_path)
    assert dataset.class_names == tuple(NAMES)
    np.testing.assert_array_equal(dataset.test.images, images["validation"])


@pytest.mark.parametrize("damage", ["bytes", "missing", "json", "empty"])
def test_a_damaged_cache_is_found_and_made_again(tmp_path, cache, caplog, damage):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    data.load("small", tmp_path)
    (entry,) = cache.iterdir()
    file = entry / {"json": "entry.json"}.get(damage, "train_images.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink()
    if damage != "missing":
        file.write_bytes(b"" if damage == "empty" else content)
    np.testing.assert_array_equal(data.load("small", tmp_path).train.images, images["train"])
    assert "are damaged" in caplog.text
    assert image_cache._damage(entry) is None


def test_a_full_disk_leaves_nothing_and_says_what_to_do(tmp_path, cache, monkeypatch):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(OSError, match=r"images of small cannot be kept in .*No space left on device.*CLOSEDFORM_CACHE"):
        data.load("small", tmp_path)
    assert not list(cache.iterdir())


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path, cache):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    for name, age in [("unfinished-old", 90000), ("unfinished-new", 100)]:
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age,) * 2)
    data.load("small", tmp_path)
    assert {entry.name.split("-")[1] for entry in cache.glob("unfinished-*")} == {"new"}


def test_an_interruption_leaves_nothing(tmp_path, cache):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.load("small", tmp_path, interrupt)
    assert not list(cache.iterdir())


def _load(data_dir, barrier, queue):
    barrier.wait()
    queue.put(data.load("small", data_dir).train.images.sum())


def test_two_processes_at_once_both_get_the_images(tmp_path, cache):
    images, labels = tfds_data.random((16, 16, 3), train=600)
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    spawn = multiprocessing.get_context("spawn")
    barrier, queue = spawn.Barrier(2), spawn.Queue()
    processes = [spawn.Process(target=_load, args=(tmp_path, barrier, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [queue.get(timeout=120) for _ in processes] == [images["train"].sum()] * 2
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(cache.iterdir())) == 1


def test_what_is_not_there_is_said_to_be_not_prepared(tmp_path):
    with pytest.raises(tfds_folder.NotPreparedError, match="data set 'mnist' is not in the data folder"):
        data.load("mnist", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`data_dir` must be a folder, got the file"):
        data.load("mnist", tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fileFormat": "riegeli"}, "its files are riegeli; convert them to array_record with `tfds convert_format`"),
        ({"supervisedKeys": {"tuple": {"items": [{"featureKey": "label"}, {"featureKey": "image"}]}}}, "a class each"),
    ],
)
def test_a_data_set_of_another_kind_is_refused_in_one_line(tmp_path, changes, message):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, NAMES, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        data.load("small", tmp_path)
    assert "\n" not in str(caught.value)


def test_images_that_cannot_be_decoded_and_labels_out_of_range_are_refused(tmp_path):
    images, labels = tfds_data.random((4, 4, 3))
    labels["test"][0] = 7
    tfds_data.write(tmp_path, "small", images, labels, NAMES)
    with pytest.raises(ValueError, match="its test split lacks images or labels"):
        data.load("small", tmp_path)
    images["test"] = images["test"][:, :2]  # smaller than features.json says
    labels["test"][0] = 0
    tfds_data.write(tmp_path, "cut", images, labels, NAMES)
    with pytest.raises(ValueError, match="cannot be read: test image 0 to 11: an image of 4 x 2, not 4 x 4"):
        data.load("cut", tmp_path)


@pytest.mark.parametrize("damage", ["cut", "length", "record"])
def test_a_damaged_tfrecord_file_is_found(tmp_path, damage):
    images, labels = tfds_data.random((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat="tfrecord")
    file = folder / "small-test.tfrecord-00000-of-00001"
    content = bytearray(file.read_bytes())
    if damage == "cut":
        del content[-10:]
    else:
        content[{"length": 0, "record": 40}[damage]] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read: test image 0 to 11: small-test.tfrecord.* is (damaged|cut)"):
        data.load("small", tmp_path)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="test image 0 to 11: there are no more; prepare it again"):
        data.load("small", tmp_path)


@pytest.mark.parametrize(
    ("file_format", "stated"), [("tfrecord", 1), ("tfrecord", 5), ("tfrecord", 20), ("array_record", 20)]
)
def test_a_folder_that_has_other_records_than_it_says_is_refused(tmp_path, file_format, stated):
    images, labels = tfds_data.random((4, 4, 3))
    folder = tfds_data.write(tmp_path, "small", images, labels, NAMES, fileFormat=file_format)
    info = json.loads((folder / "dataset_info.json").read_text())
    (test,) = (split for split in info["splits"] if split["name"] == "test")
    assert test["shardLengths"] == ["12"]
    test["shardLengths"] = [str(stated)]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"12 records, where 20 should be|more than the .* records|cannot be read"):
        data.load("small", tmp_path)


def encoded(image, file_format="PNG"):
    stream = io.BytesIO()
    image.save(stream, format=file_format)
    return stream.getvalue()


def test_images_are_decoded_by_their_feature_whatever_they_are_in_their_files():
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 2**16, (4, 5), np.uint16)
    colours = rng.integers(0, 4, (4, 5, 3), np.uint8) * 60
    gray, rgb = Image.fromarray((wide >> 8).astype(np.uint8)), Image.fromarray(colours)
    clear = rgb.convert("RGBA")
    clear.putalpha(gray)
    palette = rgb.quantize(64)
    for image, shape, wanted in [
        (Image.fromarray(wide), (4, 5, 1), np.asarray(gray)[..., None]),
        (Image.fromarray(wide), (4, 5, 3), np.stack([gray] * 3, axis=-1)),
        (palette, (4, 5, 3), np.asarray(palette.convert("RGB"))),
        (gray, (4, 5, 3), np.stack([gray] * 3, axis=-1)),
        (clear, (4, 5, 3), colours),
        (clear, (4, 5, 4), np.asarray(clear)),
        (gray.convert("LA"), (4, 5, 1), np.asarray(gray)[..., None]),
        (
            gray.point(lambda level: 255 * (level > 99)).convert("1"),
            (4, 5, 1),
            255 * (np.asarray(gray) > 99)[..., None],
        ),
        (rgb, (4, 5, 3), colours),
    ]:
        np.testing.assert_array_equal(tfds_folder.pixels(encoded(image), shape), wanted)
    jpeg = tfds_folder.pixels(encoded(gray, "JPEG"), (4, 5, 3))
    np.testing.assert_array_equal(jpeg, np.repeat(tfds_folder.pixels(encoded(gray, "JPEG"), (4, 5, 1)), 3, axis=2))
    assert tfds_folder.pixels(encoded(rgb.convert("CMYK"), "JPEG"), (4, 5, 3)).shape == (4, 5, 3)


def test_sixteen_bits_of_gray_are_read_right_from_a_data_set(tmp_path):
    images, labels = tfds_data.random((4, 5, 1))
    wide = {
        split: [encoded(Image.fromarray(image[..., 0].astype(np.uint16) * 257)) for image in part]
        for split, part in images.items()
    }
    tfds_data.write(tmp_path, "small", wide, labels, NAMES, shape=(4, 5, 1))
    np.testing.assert_array_equal(data.load("small", tmp_path).train.images, images["train"])


def test_a_version_may_be_asked_for_and_a_folder_too_deep_is_said_to_be(tmp_path):
    images, labels = tfds_data.random((4, 4, 3))
    tfds_data.write(tmp_path, "small", images, labels, ["old", "b", "c"], version="1.0.0")
    tfds_data.write(tmp_path, "small", images, labels, NAMES, version="2.0.0")
    assert data.load("small:1.0.0", tmp_path).class_names[0] == "old"
    with pytest.raises(ValueError, match=r"'small:3.0.0' is not in .*, which has small 1.0.0, 2.0.0"):
        data.load("small:3.0.0", tmp_path)
    for deep in [tmp_path / "small", tmp_path / "small/2.0.0"]:
        with pytest.raises(ValueError, match=rf"one of a data set; perhaps {tmp_path}\."):
            data.load("small", deep)


def test_the_folder_of_the_data_is_the_argument_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "there"))
    assert data.data_directory(None) == tmp_path / "there"
    assert data.data_directory(tmp_path) == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data.data_directory(None).name == "tensorflow_datasets"


def test_digits_are_whole_and_their_split_is_fixed_and_stratified():
    digits = data.load("digits")
    assert (len(digits.train), len(digits.test), digits.image_shape) == (1437, 360, (8, 8, 1))
    assert set(np.unique(digits.train.images)) == {round(255 * k / 16) for k in range(17)}
    assert digits.train.labels.sum() + digits.test.labels.sum() == 8070  # of the 1,797 in scikit-learn
    counts = np.bincount(digits.train.labels) / 4 - np.bincount(digits.test.labels)
    assert np.abs(counts).max() < 2
    np.testing.assert_array_equal(digits.test.images, data.load("digits").test.images)


@pytest.mark.parametrize("count", [13, 40, None])
def test_held_out_images_are_a_stratified_part(count):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [200, 100, 100])).astype(np.int32)
    split = data.Split(np.arange(400, dtype=np.uint8).reshape(400, 1, 1, 1), labels, np.arange(400))
    kept, held = data.hold_out(split, count, seed=0)
    assert len(held) == (count or 40)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept.index, held.index])), np.arange(400))
    np.testing.assert_array_equal(held.labels, labels[held.index])
    if count != 13:
        np.testing.assert_array_equal(np.bincount(held.labels), [20, 10, 10])
    other = data.hold_out(split, count, seed=1)[1]
    assert set(other.index) != set(held.index)
    np.testing.assert_array_equal(data.hold_out(split, count, seed=0)[1].index, held.index)


def test_nothing_may_be_held_out_and_too_little_or_too_much_may_not():
    split = data.load("digits").train
    kept, held = data.hold_out(split, 0, seed=0)
    assert (len(kept), len(held)) == (1437, 0)
    for count in [9, 1428]:
        with pytest.raises(
            ValueError, match=f"`validation` must be 0, or leave each of the 10 classes .* got {count} of"
        ):
            data.hold_out(split, count, seed=0)
    rare = data.Split(split.images[:100], np.repeat([0, 1], [99, 1]), np.arange(100))
    with pytest.raises(ValueError, match="each of the 2 classes an image on either side, got 10 of the 100"):
        data.hold_out(rare, 10, seed=0)
