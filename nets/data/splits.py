"""A data set with its splits: the published ones, and images held out of the training images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nets.data.stored_images import StoredImages

TEST_SEED = 0
"""Seed of the test split of data without one. It is no option: runs with other seeds have the same test images."""


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    ``images`` (N, height, width, channels) uint8, in memory or stored, ``labels`` (N,) int32 in 0 .. K - 1, and
    ``index`` (N,) int64, the position of each image in the published split. ``published_files`` are the names of the
    files of all images of the published split, if they were files.
    """

    images: np.ndarray | StoredImages
    labels: np.ndarray
    index: np.ndarray
    published_files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def files(self) -> np.ndarray | None:
        """(N,) the name of the file of each image, or None if they were not files."""
        return None if self.published_files is None else np.asarray(self.published_files[self.index])

    def take(self, positions: np.ndarray) -> "Split":
        """Return the images at ``positions``."""
        stored = isinstance(self.images, StoredImages)
        images = self.images.take(positions) if stored else self.images[positions]
        return replace(self, images=images, labels=self.labels[positions], index=self.index[positions])

    def stored(self) -> "Split":
        """Return the same images, each read when it is indexed."""
        if isinstance(self.images, StoredImages):
            return self
        return replace(self, images=StoredImages(self.images, np.arange(len(self))))

    def renumbered(self) -> "Split":
        """Return the images as a published split of their own: ``index`` is 0 .. N - 1."""
        return replace(self, index=np.arange(len(self)), published_files=self.files)


@dataclass(frozen=True)
class Dataset:
    """A data set with its published split."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    sha256: str
    """SHA-256 of all images and labels."""
    validation: Split | None = None
    """Validation images of its own, if there are any; otherwise some of the training images are held out."""
    notes: tuple[str, ...] = ()
    """Sentences that say how the images were read: sizes, modes, damaged files, the test split."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """The same as numbers, for the provenance of a run."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def stored(self) -> "Dataset":
        """Return the same data set, whose images are read when they are indexed."""
        validation = self.validation.stored() if self.validation else None
        return replace(self, train=self.train.stored(), test=self.test.stored(), validation=validation)


def hold_out(split: Split, validation: int | None, seed: int) -> tuple[Split, Split]:
    """Return training and validation images: a random split of ``split``, stratified by class.

    ``validation`` is the number of validation images; None is a tenth, CIFAR-10's usual 5,000, and 0 is none.
    Raises ValueError if a class would have no image on one side.
    """
    count = len(split) // 10 if validation is None else validation
    classes = len(np.unique(split.labels))
    if count == 0 and validation == 0:
        return split, split.take(np.arange(0))
    if classes <= count <= len(split) - classes:
        train, held_out = stratified(split.labels, count, seed)
        if len(np.unique(split.labels[train])) == len(np.unique(split.labels[held_out])) == classes:
            return split.take(train), split.take(held_out)
    raise ValueError(
        f"`validation` must be 0, or leave an image of each of the {classes} classes on both sides, got {count} of the "
        f"{len(split)} training images."
    )


def subset(train: Split, limit: int, seed: int) -> Split:
    """Return ``limit`` of the training images ``train``, stratified by class.

    Raises ValueError if there are not so many, or a class would have none.
    """
    classes = len(np.unique(train.labels))
    if not classes <= limit <= len(train):
        raise ValueError(
            f"`limit` must be between {classes}, the number of classes, and {len(train)}, that of the training images, "
            f"got {limit}."
        )
    _, chosen = stratified(train.labels, limit, seed)
    return train.take(chosen)


def hold_out_test(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted positions of training images in ``labels`` (N,), and of a tenth, stratified, of test images.

    Raises ValueError if a class would have no image on one side.
    """
    classes = len(np.unique(labels))
    train, test = stratified(labels, max(len(labels) // 10, min(classes, len(labels))), TEST_SEED)
    for positions in (train, test):
        if missing := sorted(set(np.unique(labels)) - set(np.unique(labels[positions]))):
            raise ValueError(
                f"there are no test images, and a class has {np.sum(labels == missing[0])} of the {len(labels):,} "
                "images, too few to hold one out for testing; add images, or test images of your own."
            )
    return train, test


def held_out_record(count: int) -> dict[str, Any]:
    """Return what a run records of ``count`` test images from `hold_out_test`."""
    return {"held_out": count, "stratified": True, "seed": TEST_SEED}


def held_out_note(record: Mapping[str, Any]) -> str:
    """Return the `held_out_record` in a sentence."""
    return (
        f"There is no test split: a tenth of the images, {record['held_out']:,}, is held out as test images, "
        f"stratified by class, with seed {record['seed']}."
    )


def stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted positions of the training labels and of ``count`` held-out labels, stratified by class.

    Every class has a held-out label if ``count`` is at least the number of classes.
    """
    # Systematic sampling: sort the labels by class, in random order within each, and hold out every (N / count)-th.
    rng = np.random.default_rng(seed)
    by_class = np.lexsort([rng.random(len(labels)), labels])
    held_out = by_class[((np.arange(count) + rng.random()) * len(labels) / count).astype(int)]
    for label in np.setdiff1d(labels, labels[held_out]):  # a rare class: one of its images for one of the largest class
        largest = np.argmax(np.bincount(labels[held_out]))
        held_out[np.flatnonzero(labels[held_out] == largest)[0]] = by_class[labels[by_class] == label][0]
    return np.setdiff1d(np.arange(len(labels)), held_out), np.sort(held_out)
