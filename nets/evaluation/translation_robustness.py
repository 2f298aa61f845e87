"""Robustness of a classifier to translations of its images."""

import numpy as np
from numpy.typing import NDArray

from nets.training.runs import Run

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def translate(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """Return ``images`` (N, height, width, channels) translated by ``down`` and ``right`` pixels, with edge padding."""
    padding = max(abs(down), abs(right))
    padded = np.pad(images, [(0, 0), (padding, padding), (padding, padding), (0, 0)], mode="edge")
    height, width = images.shape[1:3]
    return padded[:, padding - down : padding - down + height, padding - right : padding - right + width]


def correct_fraction_when_translated(
    run: Run, images: NDArray[np.uint8], labels: NDArray[np.int32], pixels: int
) -> NDArray[np.float64]:
    """Return (N,), for each image, the fraction of translations by ``pixels`` in four directions that are correct."""
    directions = DIRECTIONS if pixels else [(0, 0)]
    correct = [
        run.logits(translate(images, pixels * down, pixels * right)).argmax(axis=1) == labels
        for down, right in directions
    ]
    return np.mean(correct, axis=0)
