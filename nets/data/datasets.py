"""Image classification data: a data set of TensorFlow Datasets or the embedded digits, as arrays of bytes.

Images stay uint8 until a device scales them: CIFAR-10 is 184 MB in bytes and 737 MB in float32.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nets.data import image_cache, tfds_folder

type Progress = Callable[[str, int, int], None]
"""Called with the current task, the number of finished images, and their total number."""

DIGITS_TEST_SIZE = 360
"""Test images of `digits`, a fifth: scikit-learn has no published split."""


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    ``images`` (N, height, width, channels) uint8, ``labels`` (N,) int32 in 0 .. K - 1, and ``index`` (N,) int64, the
    position of each image in the published split.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: np.ndarray) -> "Split":
        """Return the images at ``positions``."""
        return Split(self.images[positions], self.labels[positions], self.index[positions])


@dataclass(frozen=True)
class Dataset:
    """A data set with its published split."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split

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
    arrays, class_names = image_cache.open_or_write(name, folder, tfds_folder.decode_dataset, progress)
    splits = {
        split: Split(
            arrays[f"{split}_images"], np.asarray(arrays[f"{split}_labels"]), np.arange(len(arrays[f"{split}_labels"]))
        )
        for split in ["train", "test"]
    }
    return Dataset(name, tuple(class_names), **splits)


def data_directory(data_dir: Path | None) -> Path:
    """Return the folder of TensorFlow Datasets: ``data_dir``, else TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def hold_out(split: Split, validation: int | None, seed: int) -> tuple[Split, Split]:
    """Return training and validation images: a random split of ``split``, stratified by class.

    ``validation`` is the number of validation images; None is a tenth, CIFAR-10's usual 5,000, and 0 is none.
    ValueError if a class would have no image on one side.
    """
    count = len(split) // 10 if validation is None else validation
    classes = len(np.unique(split.labels))
    if count == 0 and validation == 0:
        return split, split.take(np.arange(0))
    if classes <= count <= len(split) - classes:
        train, held_out = _stratified(split.labels, count, seed)
        if len(np.unique(split.labels[train])) == len(np.unique(split.labels[held_out])) == classes:
            return split.take(train), split.take(held_out)
    raise ValueError(
        f"`validation` must be 0, or leave an image of each of the {classes} classes on both sides, got {count} of the "
        f"{len(split)} training images."
    )


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # seconds to import, and no other data set needs it

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]  # (N, 8, 8, 1)
    labels = bunch.target.astype(np.int32)
    train, test = _stratified(labels, DIGITS_TEST_SIZE, seed=0)
    splits = [Split(images[positions], labels[positions], np.arange(len(positions))) for positions in (train, test)]
    return Dataset("digits", tuple(str(name) for name in bunch.target_names), *splits)


def _stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted positions of the training labels and of ``count`` held-out labels, stratified by class."""
    # Systematic sampling: sort the labels by class, in random order within each, and hold out every (N / count)-th.
    rng = np.random.default_rng(seed)
    by_class = np.lexsort([rng.random(len(labels)), labels])
    held_out = by_class[((np.arange(count) + rng.random()) * len(labels) / count).astype(int)]
    return np.setdiff1d(np.arange(len(labels)), held_out), np.sort(held_out)
