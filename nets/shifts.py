"""How a classifier takes images that are moved: what a convolution is built for, and a perceptron is not."""

import numpy as np
from numpy.typing import NDArray

from nets.proportions import Proportion
from nets.runs import Run

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def moved(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """Return ``images`` (N, height, width, channels) moved by so many pixels; the border is repeated behind them."""
    reach = max(abs(down), abs(right))
    padded = np.pad(images, [(0, 0), (reach, reach), (reach, reach), (0, 0)], mode="edge")
    height, width = images.shape[1:3]
    return padded[:, reach - down : reach - down + height, reach - right : reach - right + width]


def accuracy_when_moved(run: Run, images: NDArray[np.uint8], labels: NDArray[np.int32], pixels: int) -> Proportion:
    """Return the accuracy on ``images`` moved by so many pixels, in the four directions together."""
    shifts = DIRECTIONS if pixels else [(0, 0)]
    right = [
        np.sum(run.logits(moved(images, pixels * down, pixels * across)).argmax(axis=1) == labels)
        for down, across in shifts
    ]
    return Proportion(int(sum(right)), len(labels) * len(shifts))
