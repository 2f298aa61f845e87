"""A data set as TensorFlow Datasets prepared it, read from its array_record files without TensorFlow."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BLOCK = 1000
"""Images read at a time."""


class NotPreparedError(ValueError):
    """The data set is not in the data folder; `nets.prepare` makes it."""


def find(name: str, data_dir: Path) -> Path:
    """Return the folder of the newest version of ``name`` in ``data_dir``; raise NotPreparedError if there is none."""
    if data_dir.exists() and not data_dir.is_dir():
        raise ValueError(f"`data_dir` must be a folder, got the file {data_dir}.")
    try:
        versions = [file.parent for file in (data_dir / name).glob("[0-9]*/dataset_info.json")]
    except OSError as error:
        raise ValueError(f"`data_dir` {data_dir} cannot be read: {error.strerror}.") from error
    if not versions:
        raise NotPreparedError(f"data set {name!r} is not in the data folder {data_dir}")
    return max(versions, key=lambda folder: [int(part) for part in folder.name.split(".") if part.isdigit()])


def decode(folder: Path, out: Path, progress: Callable[[str, int, int], None]) -> list[str]:
    """Write {train,test}_{images,labels}.npy of the data set in ``folder`` into ``out`` and return its class names.

    Images become (N, height, width, channels) uint8, labels (N,) int32. A data set without a test split is tested on
    its validation split, as TensorFlow Datasets calls the labelled part of a challenge.

    Raises
    ------
    ValueError
        If it is not a data set of images of one size with a class each, or a file cannot be read.
    """
    import tensorflow_datasets as tfds  # a second to import, and not needed once the images are cached

    try:
        builder = tfds.builder_from_directory(folder)
        image, label = image_and_label(tfds, builder.info)
        test = "test" if "test" in builder.info.splits else "validation"
        sources = {
            split: builder.as_data_source(split=published, decoders={image: tfds.decode.SkipDecoding()})
            for split, published in {"train": "train", "test": test}.items()
        }
    except Exception as error:  # whatever a foreign or damaged folder makes its readers raise
        raise ValueError(f"the data set in {folder} cannot be used: {_one_line(error)}") from error
    shape = builder.info.features[image].shape
    classes = builder.info.features[label].num_classes
    total = sum(len(source) for source in sources.values())
    done = 0
    for split, source in sources.items():
        labels = np.zeros(len(source), np.int32)
        with (out / f"{split}_images.npy").open("wb") as file:  # written, not mapped: a full disk is then an OSError
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(source), *shape)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(source), BLOCK):
                stop = min(start + BLOCK, len(source))
                try:
                    records = source.__getitems__(range(start, stop))
                    images = np.stack([_pixels(record[image], shape) for record in records])
                    labels[start:stop] = [record[label] for record in records]
                except Exception as error:
                    raise ValueError(
                        f"the data set in {folder} cannot be read: {split} image {start} to {stop - 1}: "
                        f"{_one_line(error)}; prepare it again."
                    ) from error
                file.write(images.tobytes())
                done += stop - start
                progress(f"decode {folder.parent.name}", done, total)
        if len(labels) == 0 or not (labels >= 0).all() or not (labels < classes).all():
            raise ValueError(f"the data set in {folder} cannot be used: its {split} split lacks images or labels.")
        np.save(out / f"{split}_labels.npy", labels)
    return [str(class_name) for class_name in builder.info.features[label].names]


def image_and_label(tfds: Any, info: Any) -> tuple[str, str]:
    """Return the names of the image and of its class in a data set, or raise ValueError."""
    features = dict(info.features)
    kinds = tfds.features.Image, tfds.features.ClassLabel
    pair = info.supervised_keys or [
        next((name for name, feature in features.items() if isinstance(feature, kind)), None) for kind in kinds
    ]
    if len(pair) != 2 or not all(isinstance(features.get(name), kind) for name, kind in zip(pair, kinds, strict=True)):
        raise ValueError(f"it is not one of images with a class each; its features are {', '.join(features)}.")
    shape, dtype = features[pair[0]].shape, features[pair[0]].np_dtype
    if None in shape or dtype != np.uint8:
        raise ValueError(f"its images must be of one size and uint8, got shape {shape} and {np.dtype(dtype)}.")
    return str(pair[0]), str(pair[1])


def _pixels(encoded: bytes, shape: tuple[int, ...]) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image).reshape(shape)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
