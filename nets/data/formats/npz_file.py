"""Arrays of images and labels in an .npz file of NumPy."""

import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from closedform.reasons import one_line

NAMES = {
    "train": [("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"), ("X", "y"), ("x", "y")],
    "test": [("x_test", "y_test"), ("test_images", "test_labels")],
    "validation": [
        ("x_val", "y_val"),
        ("val_images", "val_labels"),
        ("x_validation", "y_validation"),
        ("validation_images", "validation_labels"),
    ],
}
"""Split -> names of its arrays of images and labels: those of Keras, MedMNIST and others."""


def read_arrays(file: Path) -> dict[str, Any]:
    """Return the arrays of an .npz file as arguments of `nets.data.arrays.from_arrays`.

    ``class_names`` in the file are the names of the classes.

    Raises
    ------
    ValueError
        If the file is damaged, or has no arrays of known names.
    """
    try:
        with file.open("rb") as stream:
            return _named_arrays(_load(stream))
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"it cannot be read: {one_line(error).rstrip('.')}; write it again by `np.savez`, or download it again."
        ) from error


def _load(stream: IO[bytes]) -> Any:
    try:
        arrays = np.load(stream, allow_pickle=False)
    except ValueError as error:  # neither a zip file nor .npy, which NumPy takes for objects of Python
        raise ValueError("it is no .npz file; write images and labels by `np.savez`.") from error
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise ValueError("it is one array, in NumPy's format .npy; write images and labels by `np.savez`.")
    return arrays


def _named_arrays(arrays: Any) -> dict[str, Any]:
    """Return the arrays with the names in `NAMES` as arguments of `nets.data.arrays.from_arrays`."""
    found = {}
    for split, pairs in NAMES.items():
        pair = next((pair for pair in pairs if set(pair) <= set(arrays.files)), None)
        if pair:
            found |= {f"{split}_images": _array(arrays, pair[0]), f"{split}_labels": _array(arrays, pair[1])}
        elif alone := [names for names in pairs if set(names) & set(arrays.files)]:
            present, missing = sorted(alone[0], key=lambda name: name not in arrays.files)
            raise ValueError(f"it has {present} and no {missing}; add it, or give the other another name.")
    if "train_images" not in found:
        known = " or ".join(" and ".join(pair) for pair in NAMES["train"])
        raise ValueError(
            f"it must have a pair of arrays named {known}, and has {', '.join(arrays.files) or 'none'}; rename them."
        )
    if "class_names" in arrays.files:
        found["class_names"] = _array(arrays, "class_names")
    return found


def _array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as error:  # of objects
        raise ValueError(
            f"its array {name} cannot be read: {one_line(error)}; save text as `{name}.astype(str)`."
        ) from error
