"""How a classifier takes images that are moved: what a convolution is built for, and a perceptron is not."""

import numpy as np
from numpy.typing import NDArray

from nets.training.runs import Run

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def moved(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """Return ``images`` (N, height, width, channels) moved by so many pixels; the border is repeated behind them."""
    reach = max(abs(down), abs(right))
    padded = np.pad(images, [(0, 0), (reach, reach), (reach, reach), (0, 0)], mode="edge")
    height, width = images.shape[1:3]
    return padded[:, reach - down : reach - down + height, reach - right : reach - right + width]


def right_when_moved(
    run: Run, images: NDArray[np.uint8], labels: NDArray[np.int32], pixels: int
) -> NDArray[np.float64]:
    """Return (N,) in how many of the four directions each image is still right, as a share, moved by so many pixels."""
    shifts = DIRECTIONS if pixels else [(0, 0)]
    right = [
        run.logits(moved(images, pixels * down, pixels * across)).argmax(axis=1) == labels for down, across in shifts
    ]
    return np.mean(right, axis=0)
