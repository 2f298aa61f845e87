"""Image classification data: a data set of TensorFlow Datasets or the embedded digits, as arrays of bytes.

Images stay uint8 until a device scales them: CIFAR-10 is 184 MB in bytes and 737 MB in float32.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nets.data import image_cache, tfds_folder
from nets.data.splits import Split, _stratified

type Progress = Callable[[str, int, int], None]
"""Called with the current task, the number of finished images, and their total number."""

DIGITS_TEST_SIZE = 360
"""Test images of `digits`, a fifth: scikit-learn has no published split."""


@dataclass(frozen=True)
class Dataset:
    """A data set with its published split."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    sha256: str
    """SHA-256 of all images and labels."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels


def load(name: str, data_dir: Path | None = None, progress: Progress = lambda *_: None) -> Dataset:
    """Return the data set ``name``: ``digits``, or any image classification data set of TensorFlow Datasets.

    ``digits`` are the 1,797 real handwritten digits of 8 x 8 pixels included in scikit-learn (the test set of the UCI
    data set "Optical recognition of handwritten digits"); their 17 gray levels are scaled to 0 .. 255, and a
    stratified fifth is the test set. Every other data set is read from the folder that TensorFlow Datasets prepared in
    ``data_dir``, decoded once, and stored as memory-mapped arrays in a cache (`nets.data.image_cache`).

    Parameters
    ----------
    name
        ``digits``, ``cifar10``, ``mnist``, ...; a configuration follows a slash.
    data_dir
        The folder of TensorFlow Datasets; by default the environment variable TFDS_DATA_DIR, or ~/tensorflow_datasets.
    progress
        Called with the current task, the number of finished images, and their total number.

    Raises
    ------
    tfds_folder.NotPreparedError
        If the data set is not in ``data_dir``.
    ValueError
        If there is no such data set, its images differ in size or have no class, or it cannot be read.
    OSError
        If the cache cannot be written.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.train.images.shape, digits.test.images.shape, digits.class_names[3]
    ((1437, 8, 8, 1), (360, 8, 8, 1), '3')
    """
    if name == "digits":
        return _digits()
    folder = tfds_folder.find_dataset(name, data_directory(data_dir))
    arrays, class_names, sha256 = image_cache.open_or_write(name, folder, tfds_folder.decode_dataset, progress)
    splits = {
        split: Split(
            arrays[f"{split}_images"], np.asarray(arrays[f"{split}_labels"]), np.arange(len(arrays[f"{split}_labels"]))
        )
        for split in ["train", "test"]
    }
    return Dataset(name, tuple(class_names), **splits, sha256=sha256)


def data_directory(data_dir: Path | None) -> Path:
    """Return the folder of TensorFlow Datasets: ``data_dir``, else TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # seconds to import, and no other data set needs it

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]  # (N, 8, 8, 1)
    labels = bunch.target.astype(np.int32)
    positions = _stratified(labels, DIGITS_TEST_SIZE, seed=0)
    train, test = (Split(images[chosen], labels[chosen], np.arange(len(chosen))) for chosen in positions)
    sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return Dataset("digits", tuple(str(name) for name in bunch.target_names), train, test, sha256)
