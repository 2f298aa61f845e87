"""Streamed images give the run of images in memory, to the bit; and are chosen where images do not fit."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from nets.data.datasets import load
from nets.data.stored_images import StoredImages
from nets.training import streaming
from nets.training.fitting import fit
from nets.training.streaming import StreamedBlocks, must_stream
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK_BYTES", 7 * CONFIG.batch_size * 64)  # 7 batches; an epoch has 40


def same_metrics(run):
    return [{key: line[key] for key in line if "second" not in key} for line in run.metrics]


def test_a_streamed_run_is_that_in_memory_to_the_bit_also_when_it_is_resumed(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", stream="always")
    sentences, stops = [], iter([False] * 5 + [True] * 9)
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(stops), on_start=sentences.append)
    assert "images, streamed from memory;" in sentences[0]
    stops = iter([False] * 4 + [True] * 9)
    with pytest.raises(KeyboardInterrupt):  # the next steps in memory
        fit(replace(config, stream="never"), stop=lambda: next(stops), resume=True)
    resumed = fit(config, resume=True)
    assert same_metrics(resumed) == same_metrics(run)
    for name, array in run.predictions.items():
        np.testing.assert_array_equal(resumed.predictions[name], array)


def test_a_streamed_ensemble_of_augmented_images_is_that_in_memory(tmp_path):
    config = replace(CONFIG, epochs=1, members=2, hidden=(8,), validation=0, augmentation="flip+crop")
    streamed, in_memory = (fit(replace(config, stream=way, run_dir=tmp_path / way)) for way in ("always", "never"))
    for name in ("test_member_logits", "train_member_logits"):
        np.testing.assert_array_equal(streamed.predictions[name], in_memory.predictions[name])


def test_blocks_are_in_the_order_of_the_shuffle_and_a_wrong_order_is_another_run(run, tmp_path, monkeypatch):
    order = streaming.epoch_order
    monkeypatch.setattr(streaming, "epoch_order", lambda key, epoch, count: order(key, epoch + 1, count))
    other = fit(replace(CONFIG, run_dir=tmp_path / "run", stream="always"))
    assert np.abs(other.predictions["test_logits"] - run.predictions["test_logits"]).max() > 0.01


def test_images_are_read_from_the_file_at_their_positions(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 3, 1), np.uint8)
    np.save(tmp_path / "images.npy", images)
    stored = StoredImages(np.load(tmp_path / "images.npy", mmap_mode="r"), np.arange(50)).take(np.arange(49, 9, -2))
    expected = images[49:9:-2]
    assert (len(stored), stored.shape, stored.dtype, stored.nbytes) == (20, (20, 4, 3, 1), np.uint8, expected.nbytes)
    for key in [slice(3, 9), np.array([5, 0, 5]), slice(None), 4]:
        np.testing.assert_array_equal(stored[key], expected[key])
    np.testing.assert_array_equal(np.asarray(stored), expected)


def test_images_are_streamed_where_they_take_too_much_of_the_memory(monkeypatch):
    size = load("digits").train.images.nbytes
    for available, device, expected in [
        (5 * size, None, False),
        (3 * size, None, True),
        (9 * size, {"bytes_limit": 3 * size, "bytes_in_use": size // 2}, False),
        (9 * size, {"bytes_limit": 3 * size, "bytes_in_use": 2 * size}, True),
    ]:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))  # noqa: B023
        devices = [SimpleNamespace(memory_stats=lambda: device)]  # noqa: B023
        monkeypatch.setattr(streaming.jax, "local_devices", lambda: devices)  # noqa: B023
        assert must_stream(CONFIG, size) is expected
    assert must_stream(replace(CONFIG, stream="always"), 1)
    assert not must_stream(replace(CONFIG, stream="never"), 10**15)


def test_only_the_images_of_a_run_count_and_those_of_files_come_from_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    sizes, images = [], np.zeros((200, 4, 4, 1), np.uint8)
    monkeypatch.setattr("nets.training.task.must_stream", lambda _, size: sizes.append(size) or True)
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(200) % 2)
    config = replace(
        CONFIG, epochs=1, hidden=(4,), limit=50, dataset=str(tmp_path / "mine.npz"), run_dir=tmp_path / "a"
    )
    sentences = []
    fit(config, on_start=sentences.append)
    assert sizes == [16 * (50 + 18 + 20)]
    assert ", streamed from disk; an epoch has 1 step of 32, and leaves out 18 of the training images" in sentences[0]


def test_an_error_of_the_reading_thread_is_raised(tmp_path, monkeypatch):
    read = StreamedBlocks._read

    def fail(self, first):
        if first:
            raise OSError(5, "Input/output error")
        return read(self, first)

    monkeypatch.setattr(StreamedBlocks, "_read", fail)
    with pytest.raises(OSError, match="Input/output error"):
        fit(replace(CONFIG, run_dir=tmp_path / "run", stream="always"))
