"""A data set of arrays that a person has in Python."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from closedform.reasons import one_line
from closedform.validation import in_words, shown
from nets.data.splits import Dataset, Split, held_out_note, held_out_record, hold_out_test

MISSING = ("None", "nan", "NaT", "<NA>")
"""What values that stand for a missing one are as text: those of Python, NumPy and pandas."""


def from_arrays(
    train_images: ArrayLike,
    train_labels: ArrayLike,
    test_images: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    *,
    validation_images: ArrayLike | None = None,
    validation_labels: ArrayLike | None = None,
    class_names: list[str] | tuple[str, ...] | None = None,
    name: str = "arrays",
) -> Dataset:
    """Return a data set of arrays, for ``fit(config, dataset=...)``.

    Parameters
    ----------
    train_images
        (N, height, width, channels) or, for gray images, (N, height, width): uint8, 0 for black and 255 for white.
        Those of ``np.load(file, mmap_mode="r")`` stay in their file, if test images are given too.
    train_labels
        (N,) whole numbers or text (also objects of Python, as in pandas), or (N, 1) as Keras has them.
    test_images, test_labels
        The same of the test images. Without them a tenth of the training images is held out, stratified by class.
    validation_images, validation_labels
        The same of the validation images. Without them `fit` holds some out, as ``config.validation`` says.
    class_names
        The name of each class: then labels are 0 .. K - 1. Without it, names are the sorted labels of the training
        images.
    name
        The name of the data set, for the folder of a run and its reports.

    Raises
    ------
    ValueError
        If an array has another shape or type, images and labels differ in number, or a label is missing (None, NaN,
        masked) or has no class.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images = rng.integers(0, 256, (100, 8, 8), np.uint8)
    >>> dataset = from_arrays(images, ["cat", "dog"] * 50)
    >>> dataset.class_names, dataset.train.images.shape, len(dataset.test)
    (('cat', 'dog'), (90, 8, 8, 1), 10)
    """
    given = {
        "train": (train_images, train_labels),
        "test": (test_images, test_labels),
        "validation": (validation_images, validation_labels),
    }
    if train_images is None:
        raise ValueError("`train_images` must be an array of images, got None.")
    arrays = {}
    for split, (images, labels) in given.items():
        if (images is None) != (labels is None):
            missing, present = ("images", "labels") if images is None else ("labels", "images")
            raise ValueError(f"`{split}_{missing}` must be given with `{split}_{present}`, got None.")
        if images is not None:
            arrays[split] = _images(f"{split}_images", images), _labels(f"{split}_labels", labels)
    if class_names is None:
        values = np.unique(arrays["train"][1])
        names = tuple(str(value) for value in values)
    else:
        if np.ndim(class_names) != 1:
            raise ValueError(f"`class_names` must be a list with the name of each class, got {shown(class_names)}.")
        for class_name in class_names:
            if isinstance(class_name, bytes) or _is_missing(class_name):
                way_out = "`[name.decode() for name in class_names]`" if isinstance(class_name, bytes) else "a name"
                raise ValueError(f"`class_names` must be text, got {shown(class_name)}; take {way_out} instead.")
        names = tuple(str(class_name) for class_name in class_names)
        if len(set(names)) < len(names):
            raise ValueError(f"`class_names` must differ from each other, got {list(names)}.")
        values = np.arange(len(names))
    splits = {
        split: _split(split, images, labels, arrays["train"][0], values) for split, (images, labels) in arrays.items()
    }
    notes, reading = (), {}
    if "test" not in splits:
        train, test = hold_out_test(splits["train"].labels)
        splits["test"] = splits["train"].take(test).renumbered()
        splits["train"] = splits["train"].take(train).renumbered()
        reading = {"test": held_out_record(len(test))}
        notes = (held_out_note(reading["test"]),)
    return Dataset(
        name=name,
        class_names=names,
        train=splits["train"],
        test=splits["test"],
        sha256=_sha256(splits),
        validation=splits.get("validation"),
        notes=notes,
        reading=reading,
    )


def _array(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:  # of different shapes
        raise ValueError(f"`{name}` must be one array: {one_line(error)}") from error


def _images(name: str, images: Any) -> np.ndarray:
    array = _array(name, images)
    if isinstance(images, np.ma.MaskedArray) and (masked := np.ma.count_masked(images)):
        raise ValueError(
            f"`{name}` must have no masked values, got {masked:,}; fill them, as by `images.filled(0)`, or drop these "
            "images."
        )
    if array.dtype != np.uint8:
        way_out = {
            "f": "images in 0 .. 1 become `(255 * images).round().astype('uint8')`",
            "b": "black and white become `255 * images.astype('uint8')`",
        }.get(array.dtype.kind, "whole numbers in 0 .. 255 become `images.astype('uint8')`")
        raise ValueError(f"`{name}` must be uint8, got {array.dtype}; {way_out}.")
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 2, 3, 4) or min(array.shape) == 0:
        channels_first = array.ndim == 4 and array.shape[1] in (1, 3)
        way_out = "; transpose it by `images.transpose(0, 2, 3, 1)`" if channels_first else ""
        raise ValueError(
            f"`{name}` must have the shape (N, height, width, channels) with 1 to 4 channels, or (N, height, width), "
            f"got {np.shape(images)}{way_out}."
        )
    return array


def _labels(name: str, labels: Any) -> np.ndarray:
    array = _array(name, labels)
    if missing := np.unique(np.argwhere(_missing(labels, array))[:, :1]).tolist():
        raise ValueError(
            f"`{name}` must have no missing labels (None, NaN or masked), got {len(missing):,} of {len(array):,}, the "
            f"first at position {missing[0]}; drop these images and labels."
        )
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind in "OT" and all(isinstance(label, str) for label in array.flat):
        array = np.array(array.tolist(), str)  # text of pandas, or of NumPy without a largest length
    if array.dtype.kind not in "iuUb":
        whole = array.dtype.kind == "f" and np.isfinite(array).all() and (array == array.round()).all()
        way_out = {
            "f": "`labels.astype(int)`" if whole else "`labels.astype(str)`",
            "O": "`labels.astype(int)` or, of text, `labels.astype(str)`",
        }
        raise ValueError(
            f"`{name}` must be whole numbers or text, got {in_words(array.dtype)} ({array.dtype}); convert them by "
            f"{way_out.get(array.dtype.kind, '`labels.astype(str)`')}."
        )
    if array.ndim != 1:
        one_hot = array.ndim == 2 and (array.sum(axis=1) == 1).all() if array.dtype.kind != "U" else False
        way_out = "; one-hot labels become `labels.argmax(axis=1)`" if one_hot else ""
        raise ValueError(f"`{name}` must have the shape (N,), got {array.shape}{way_out}.")
    return array


def _missing(labels: Any, array: np.ndarray) -> np.ndarray:
    """Return which of the labels, whose array is ``array``, are missing: None, NaN, NaT, NA or masked."""
    masked = np.ma.getmaskarray(labels) if isinstance(labels, np.ma.MaskedArray) else np.zeros(array.shape, bool)
    if array.dtype.kind in "iub":
        return masked
    if array.dtype.kind == "f":
        return masked | np.isnan(array)
    if isinstance(labels, list | tuple):  # in an array of text and NaN, that is the text "nan"
        array = np.array(labels, object)
    return masked | np.array([_is_missing(label) for label in array.flat], bool).reshape(array.shape)


def _is_missing(value: Any) -> bool:
    return value is np.ma.masked or (not isinstance(value, str) and str(value) in MISSING)


def _split(name: str, images: np.ndarray, labels: np.ndarray, train_images: np.ndarray, values: np.ndarray) -> Split:
    """Return a split with labels as positions in ``values``, the label of each class."""
    if len(images) != len(labels):
        raise ValueError(
            f"`{name}_labels` must have a label for each of the {len(images)} images, got {len(labels)} labels."
        )
    if images.shape[1:] != train_images.shape[1:]:
        raise ValueError(
            f"`{name}_images` must have the shape (N, {', '.join(map(str, train_images.shape[1:]))}) as the training "
            f"images, got {images.shape}."
        )
    if not (known := np.isin(labels, values)).all():
        raise ValueError(
            f"`{name}_labels` must be of the {len(values)} classes, got {labels[~known][0].item()!r}; classes are the "
            "labels of the training images, or 0 .. K - 1 with `class_names`."
        )
    return Split(images, np.searchsorted(values, labels).astype(np.int32), np.arange(len(labels)))


def _sha256(splits: dict[str, Split]) -> str:
    digest = hashlib.sha256()
    for _, split in sorted(splits.items()):
        digest.update(str(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images))
        digest.update(np.ascontiguousarray(split.labels))
    return digest.hexdigest()
