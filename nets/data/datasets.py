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
"""Called with what is being done, how many are done, and how many there are."""

DIGITS_TEST = 360
"""Test images of `digits`, a fifth: scikit-learn has no split of its own."""


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    ``images`` (N, height, width, channels) uint8, ``labels`` (N,) int32 in 0 .. K - 1, and ``index`` (N,) int64, where
    each image stands in the data set's own split.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: np.ndarray) -> "Split":
        """Return the images at ``places``."""
        return Split(self.images[places], self.labels[places], self.index[places])


@dataclass(frozen=True)
class Dataset:
    """A data set in the split it is published with."""

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

    ``digits`` are the 1,797 real handwritten digits of 8 x 8 pixels that scikit-learn carries (the test set of the UCI
    data set "Optical recognition of handwritten digits"); their 17 gray levels are spread over 0 .. 255, and a
    stratified fifth is the test set. Everything else is read from the folder that TensorFlow Datasets prepared in
    ``data_dir``, decoded once, and kept as memory-mapped arrays in a cache (`nets.data.image_cache`).

    Parameters
    ----------
    name
        ``digits``, ``cifar10``, ``mnist``, ...; a configuration follows a slash.
    data_dir
        The folder of TensorFlow Datasets; by default the environment variable TFDS_DATA_DIR, or ~/tensorflow_datasets.
    progress
        Called with what is being done, how many are done, and how many there are.

    Raises
    ------
    tfds_folder.NotPreparedError
        If the data set is not in ``data_dir``.
    ValueError
        If there is no such data set, it is not one of images of one size with a class each, or it cannot be read.
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
    folder = tfds_folder.find(name, data_directory(data_dir))
    arrays, class_names = image_cache.open_or_write(name, folder, tfds_folder.decode, progress)
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
    """Return ``split`` without ``validation`` images, and those images, with the same share of every class.

    The default, None, is a tenth, as many as CIFAR-10's usual 5,000; 0 holds out nothing. ValueError if there are too
    few images for one of each class on either side.
    """
    count = len(split) // 10 if validation is None else validation
    classes = len(np.unique(split.labels))
    if count == 0 and validation == 0:
        return split, split.take(np.arange(0))
    if classes <= count <= len(split) - classes:
        kept, held = _stratified(split.labels, count, seed)
        if len(np.unique(split.labels[kept])) == len(np.unique(split.labels[held])) == classes:
            return split.take(kept), split.take(held)
    raise ValueError(
        f"`validation` must be 0, or leave each of the {classes} classes an image on either side, got {count} of the "
        f"{len(split)} training images."
    )


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # seconds to import, and no other data set needs it

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]  # (N, 8, 8, 1)
    labels = bunch.target.astype(np.int32)
    train, test = _stratified(labels, DIGITS_TEST, seed=0)
    splits = [Split(images[places], labels[places], np.arange(len(places))) for places in (train, test)]
    return Dataset("digits", tuple(str(name) for name in bunch.target_names), *splits)


def _stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of all but ``count`` labels and of those ``count``, in order, each class in proportion."""
    # Systematic sampling: the labels in order of class, at random within it, and of these every (N / count)-th.
    rng = np.random.default_rng(seed)
    by_class = np.lexsort([rng.random(len(labels)), labels])
    held = by_class[((np.arange(count) + rng.random()) * len(labels) / count).astype(int)]
    return np.setdiff1d(np.arange(len(labels)), held), np.sort(held)
