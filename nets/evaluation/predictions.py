"""Predictions of a run for image files, with its temperature."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from nets.data.datasets import Progress
from nets.data.formats import one_image
from nets.data.formats.one_image import DecodedImage
from nets.evaluation.temperature import Temperature, temperature_of
from nets.training.runs import Run

FILES_PER_BLOCK = 500
"""Image files that are decoded and classified at a time."""


@dataclass(frozen=True)
class Predictions:
    """The predictive distribution of a run for each of N image files; K classes."""

    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    """The N files that could be decoded."""
    probabilities: NDArray[np.float64]
    """(N, K), with the temperature; each row sums to 1."""
    temperature: Temperature
    damaged: dict[Path, str]
    """The files that could not be decoded, each with a sentence that names it and the reason."""
    resized: int
    """Number of files of another size than the images in training."""
    converted: int
    """Number of files of another mode (gray, palette, 16 bits, alpha, ...)."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) the most probable class."""
        return self.probabilities.argmax(axis=1)


def predict_files(run: Run, files: Sequence[Path], progress: Progress = lambda *_: None) -> Predictions:
    """Return the predictions of ``run`` for image files of any size and mode.

    The files are decoded as those of a training folder, and classified in blocks, so memory does not grow with their
    number. A file that is given twice is predicted twice. Probabilities are those of logits divided by the temperature
    of the run (`nets.evaluation.temperature`); for the best checkpoint, or if training is not finished, this needs its
    data set. ``progress`` is called as in `fit`. Raises ValueError if the run has no readable checkpoint, or its images
    have an alpha channel.
    """
    height, width, channels = run.image_shape
    if channels not in (1, 3):
        raise ValueError(
            f"`run` must be of gray or RGB images to predict files, got {run.folder} with {channels} channels; "
            "`Run.predict` takes arrays."
        )
    temperature = temperature_of(run)
    damaged: dict[Path, str] = {}
    count = 0
    stored: list[tuple[Path, tuple[int, int], str]] = []
    logits = [np.empty((0, len(run.class_names)), np.float32)]

    def decode(file: Path) -> DecodedImage | str:
        image = one_image.decode(file, run.image_shape)
        return f"{file} cannot be decoded: {image}" if isinstance(image, str) else image

    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:  # of Pillow, of odd metadata
        for block in batched(files, FILES_PER_BLOCK, strict=False):
            pixels = []
            for file, result in zip(block, pool.map(decode, block), strict=True):
                if isinstance(result, DecodedImage):
                    pixels.append(result.pixels)
                    stored.append((file, *result.header))
                else:
                    damaged[file] = result
                progress("predict", count := count + 1, len(files))
            if pixels:
                logits.append(run.logits(np.stack(pixels)))
    return Predictions(
        class_names=run.class_names,
        files=tuple(file for file, *_ in stored),
        probabilities=softmax(np.concatenate(logits).astype(np.float64) / temperature.value, axis=1),
        temperature=temperature,
        damaged=damaged,
        resized=sum(size != (height, width) for _, size, _ in stored),
        converted=sum(mode != ("L" if channels == 1 else "RGB") for *_, mode in stored),
    )
