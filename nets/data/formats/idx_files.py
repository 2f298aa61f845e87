"""The files of MNIST, and of the data sets with its format (Fashion-MNIST, EMNIST, Kuzushiji-MNIST).

An IDX file is two zero bytes, the type of its numbers (8: unsigned bytes), the number of axes, the length of each as
four big-endian bytes, and then its numbers: yann.lecun.com/exdb/mnist.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from closedform.reasons import one_line

UNSIGNED_BYTE = 8


def find_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the files of images and labels of each split in ``folder``; none if it has no file of images.

    They are named as MNIST's: ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, ``t10k-...`` for the test
    split, perhaps with ``.gz`` at the end, and perhaps with more before it, as in EMNIST.

    Raises ValueError if a file of labels is missing, or there are two of one split.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for images in sorted(folder.glob("*-images[-.]idx3-ubyte*")):
        if images.suffix not in ("", ".gz", ".idx3-ubyte"):
            continue
        split = "test" if any(word in images.name for word in ("t10k", "test")) else "train"
        stem = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
        labels = next((path for path in (folder / stem, folder / f"{stem}.gz") if path.exists()), None)
        if labels is None:
            raise ValueError(f"`dataset` {folder} has {images.name} and no {stem}; add the labels.")
        if split in found:
            names = [name.removesuffix(".gz") for name in (found[split][0].name, images.name)]
            if names[0] == names[1]:  # compressed, and not
                continue
            raise ValueError(f"`dataset` {folder} has {' and '.join(names)}; move one data set to a folder of its own.")
        found[split] = images, labels
    if found and "train" not in found:
        raise ValueError(f"`dataset` {folder} has {found['test'][0].name} and no training images; add them.")
    return found


def read_arrays(files: dict[str, tuple[Path, Path]]) -> dict[str, np.ndarray]:
    """Return the arrays of IDX files as arguments of `nets.data.arrays.from_arrays`; ValueError if one is damaged."""
    arrays = {}
    for split, (images, labels) in files.items():
        arrays |= {f"{split}_images": _read(images), f"{split}_labels": _read(labels)}
    return arrays


def _read(file: Path) -> np.ndarray:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            content = stream.read()
        zeros, kind, axes = struct.unpack_from(">HBB", content)
        if zeros or kind != UNSIGNED_BYTE:
            raise ValueError(f"it begins with {content[:4].hex(' ')}, not with 00 00 08 as an IDX file of bytes")
        shape = struct.unpack_from(f">{axes}I", content, 4)
    except (struct.error, EOFError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"{file.name} cannot be read: {one_line(error)}; download it again.") from error
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if len(data) != math.prod(shape):
        raise ValueError(
            f"{file.name} is damaged: it has {len(data):,} bytes for an array of shape {shape}; download it again."
        )
    return data.reshape(shape)
