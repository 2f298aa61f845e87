"""Splits of a data set: the published ones, and validation images held out of the training images."""

from dataclasses import dataclass

import numpy as np


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
        train, held_out = _stratified(split.labels, count, seed)
        if len(np.unique(split.labels[train])) == len(np.unique(split.labels[held_out])) == classes:
            return split.take(train), split.take(held_out)
    raise ValueError(
        f"`validation` must be 0, or leave an image of each of the {classes} classes on both sides, got {count} of the "
        f"{len(split)} training images."
    )


def _stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted positions of the training labels and of ``count`` held-out labels, stratified by class."""
    # Systematic sampling: sort the labels by class, in random order within each, and hold out every (N / count)-th.
    rng = np.random.default_rng(seed)
    by_class = np.lexsort([rng.random(len(labels)), labels])
    held_out = by_class[((np.arange(count) + rng.random()) * len(labels) / count).astype(int)]
    return np.setdiff1d(np.arange(len(labels)), held_out), np.sort(held_out)
