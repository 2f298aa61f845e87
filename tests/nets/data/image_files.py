"""Folders of small image files, for the tests of data sets of a person's own."""

import numpy as np
from PIL import Image


def write_folder(folder, classes=("cat", "dog"), count=20, size=(8, 6), seed=0):
    """Write ``count`` PNG files of ``size`` (height, width) a class, and return their pixels in the order of names."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (len(classes), count, *size, 3), np.uint8)
    for name, images in zip(classes, pixels, strict=True):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number:03}.png")
    return pixels
