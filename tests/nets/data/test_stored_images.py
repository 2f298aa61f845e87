"""Images in memory-mapped files: what counts as one, and what happens to its pages."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from nets import from_arrays
from nets.data.stored_images import StoredImages

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32), np.uint8)


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    return tmp_path / "images.npy"


VIEWS = {
    "itself": lambda images: images,
    "slice": lambda images: images[2:],
    "array": np.asarray,
    "with channels": lambda images: np.asarray(images)[..., np.newaxis],
    "slice of an array": lambda images: np.asarray(images[2:])[::2, :, 4:],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_every_view_of_a_mapped_file_is_on_disk(file, mode, view):
    images = VIEWS[view](np.load(file, mmap_mode=mode))
    stored = StoredImages(images, np.arange(len(images)))
    assert stored.on_disk
    np.testing.assert_array_equal(stored[:], VIEWS[view](IMAGES))


def test_mapped_arrays_in_a_data_set_are_on_disk_and_others_are_not(file):
    mapped, labels = np.load(file, mmap_mode="r"), np.arange(40) % 2
    for images, on_disk in [(mapped, True), (IMAGES, False), (mapped + 1, False)]:
        assert from_arrays(images, labels, images, labels).stored().train.images.on_disk is on_disk


def test_what_was_written_to_private_pages_is_not_lost(file):
    private = np.load(file, mmap_mode="c")
    private[:] = 7
    foreign = np.frombuffer(mmap.mmap(-1, IMAGES.size, mmap.MAP_PRIVATE), np.uint8).reshape(IMAGES.shape)
    foreign[:] = 7
    for images in [private, np.asarray(private), foreign]:
        stored = StoredImages(images, np.arange(40))
        assert not stored.on_disk
        assert (stored[:] == 7).all()
        assert (images == 7).all()


def test_pages_of_a_file_are_released(file):
    def resident():  # of the file, in KiB
        parts = Path("/proc/self/smaps").read_text().split(str(file))[1:]
        return sum(int(part.split("Rss:")[1].split()[0]) for part in parts)

    mapped = np.load(file, mmap_mode="r")
    try:
        int(mapped.sum())
        before = resident()
    except OSError:
        pytest.skip("this system has no /proc")
    assert before > 0
    StoredImages(np.asarray(mapped)[..., np.newaxis], np.arange(40))[:]
    assert resident() == 0
