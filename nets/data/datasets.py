"""Image classification data: files, a data set of TensorFlow Datasets or the embedded digits, as arrays of bytes.

Images stay uint8 until a device scales them: CIFAR-10 is 184 MB in bytes and 737 MB in float32.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from nets.data import files, image_cache, tfds_folder
from nets.data.formats.encoded_images import Progress
from nets.data.splits import Dataset, Split, stratified

DIGITS_TEST_SIZE = 360
"""Test images of `digits`, a fifth: scikit-learn has no published split."""


def load(
    name: str,
    data_dir: Path | None = None,
    progress: Progress = lambda *_: None,
    image_size: tuple[int, ...] | None = None,
) -> Dataset:
    """Return the data set ``name``: ``digits``, files, or an image classification data set of TensorFlow Datasets.

    ``digits`` are the 1,797 real handwritten digits of 8 x 8 pixels included in scikit-learn (the test set of the UCI
    data set "Optical recognition of handwritten digits"); their 17 gray levels are scaled to 0 .. 255, and a
    stratified fifth is the test set. Every other data set is decoded once, and stored as memory-mapped arrays in a
    cache (`nets.data.image_cache`).

    Parameters
    ----------
    name
        ``digits``; a file or folder (`nets.data.formats`); or the name of a data set that TensorFlow Datasets prepared
        in ``data_dir``: ``cifar10``, ``mnist``, ...; a configuration follows a slash. A name that could be both is the
        prepared data set; ``./mnist`` is the folder.
    data_dir
        The folder of TensorFlow Datasets; by default the environment variable TFDS_DATA_DIR, or ~/tensorflow_datasets.
    progress
        Called with the current task, the number of finished images, and their total number.
    image_size
        (side,) or (height, width) in pixels, to which image files are converted; by default their most common size, and
        at most 64 pixels.

    Raises
    ------
    tfds_folder.NotPreparedError
        If there is no such file or folder, and the data set is not in ``data_dir``.
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
    name = files.absolute_name(name, data_directory(data_dir))
    if (source := Path(name)).is_absolute():
        return _of_entry(name, files.read(source, progress, image_size))
    if image_size is not None:
        raise ValueError(
            f"`image_size` is for files of images, got {image_size}, and there are none of `dataset` {name}; correct "
            "the path, or leave it out for digits and a data set of TensorFlow Datasets, whose images have one size."
        )
    if name == "digits":
        return _digits()
    folder = tfds_folder.find_dataset(name, data_directory(data_dir))

    def decode(out: Path) -> dict[str, Any]:
        return {"class_names": tfds_folder.decode_dataset(folder, out, progress)}

    return _of_entry(name, image_cache.open_or_write(name, folder, decode))


def _of_entry(name: str, entry: image_cache.Entry) -> Dataset:
    arrays = entry.arrays
    splits = {
        split: Split(
            arrays[f"{split}_images"],
            np.asarray(arrays[f"{split}_labels"]),
            np.arange(len(arrays[f"{split}_labels"])),
            arrays.get(f"{split}_files"),
        )
        for split in ["train", "test", "validation"]
        if f"{split}_images" in arrays
    }
    content = entry.content
    return Dataset(
        name=name,
        class_names=tuple(content["class_names"]),
        train=splits["train"],
        test=splits["test"],
        sha256=entry.sha256,
        validation=splits.get("validation"),
        notes=tuple(content.get("notes", ())),
        reading=content.get("reading", {}),
    )


def data_directory(data_dir: Path | None) -> Path:
    """Return the folder of TensorFlow Datasets: ``data_dir``, else TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # seconds to import, and no other data set needs it

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]  # (N, 8, 8, 1)
    labels = bunch.target.astype(np.int32)
    positions = stratified(labels, DIGITS_TEST_SIZE, seed=0)
    train, test = (Split(images[chosen], labels[chosen], np.arange(len(chosen))) for chosen in positions)
    sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return Dataset("digits", tuple(str(name) for name in bunch.target_names), train, test, sha256)
