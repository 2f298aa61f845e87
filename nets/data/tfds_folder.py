"""The folder of a prepared TensorFlow Datasets data set, read without TensorFlow (array_record or TFRecord files)."""

import io
from collections.abc import Callable, Iterator
from itertools import batched, chain
from pathlib import Path
from typing import Any

import numpy as np

from closedform.reasons import one_line
from nets.data.array_files import written_images
from nets.data.formats.one_image import eight_bits

BLOCK_SIZE = 1000
"""Images read at a time."""
PILLOW_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Pillow mode that images are converted to, by the number of channels of their feature."""


class NotPreparedError(ValueError):
    """The data set is not in the data folder; `nets.data.tfds_preparation` prepares it."""


def find_dataset(name: str, data_dir: Path) -> Path:
    """Return the folder of the newest version of ``name`` in ``data_dir``; raise NotPreparedError if there is none.

    ``name`` may end with a version as in TensorFlow Datasets: ``cifar10:3.0.2``.
    """
    if data_dir.exists() and not data_dir.is_dir():
        raise ValueError(f"`data_dir` must be a folder, got the file {data_dir}.")
    base, _, version = name.partition(":")
    try:
        versions = [file.parent for file in (data_dir / base).glob(f"{version or '[0-9]*'}/dataset_info.json")]
        available = [file.parent.name for file in (data_dir / base).glob("[0-9]*/dataset_info.json")]
        other = next(data_dir.glob(f"{base.split('/')[-1] or '*'}/**/dataset_info.json"), None)
        nested = next(chain(data_dir.glob("dataset_info.json"), data_dir.glob("[0-9]*/dataset_info.json")), None)
    except OSError as error:
        raise ValueError(f"`data_dir` {data_dir} cannot be read: {error.strerror}.") from error
    if versions:
        return max(versions, key=lambda folder: [int(part) for part in folder.name.split(".") if part.isdigit()])
    if version and available:
        raise ValueError(f"`dataset` {name!r} is not in {data_dir}, which has {base} {', '.join(sorted(available))}.")
    if other is None and nested is not None:
        root = next((folder.parent for folder in nested.parents if folder.name == base.split("/")[0]), data_dir.parent)
        raise ValueError(
            f"`data_dir` must be the parent folder of the data sets, got {data_dir}, the folder of one data set; "
            f"perhaps {root}."
        )
    raise NotPreparedError(f"data set {name!r} is not in the data folder {data_dir}")


def decode_dataset(folder: Path, out: Path, progress: Callable[[str, int, int], None]) -> list[str]:
    """Write {train,test}_{images,labels}.npy of the data set in ``folder`` into ``out`` and return its class names.

    Images become (N, height, width, channels) uint8, labels (N,) int32. If a data set has no test split, its
    validation split is used: TensorFlow Datasets gives this name to the labelled part of a challenge.

    Raises
    ------
    ValueError
        If its images differ in size or have no class, or a file cannot be read.
    """
    import tensorflow_datasets as tfds  # a second to import, and not needed once the images are cached

    try:
        builder = tfds.builder_from_directory(folder)
        image, label = image_and_label(tfds, builder.info)
        test = "test" if "test" in builder.info.splits else "validation"
        sources = {"train": builder.info.splits["train"], "test": builder.info.splits[test]}
        records = {split: _records(tfds, builder, published, image) for split, published in sources.items()}
    except Exception as error:  # any error of the readers, for a foreign or damaged folder
        raise ValueError(f"the data set in {folder} cannot be used: {one_line(error)}") from error
    shape = builder.info.features[image].shape
    classes = builder.info.features[label].num_classes
    total = sum(source.num_examples for source in sources.values())
    done = 0
    for split, source in sources.items():
        labels = np.zeros(source.num_examples, np.int32)
        start = 0
        with written_images(out / f"{split}_images.npy", shape) as append:
            while start < len(labels):
                stop = min(start + BLOCK_SIZE, len(labels))
                try:
                    block = next(records[split])
                    if len(block) != stop - start:
                        raise ValueError(f"{len(block)} records instead of {stop - start}")
                    images = np.stack([decode_image(record[image], shape) for record in block])
                    labels[start:stop] = [record[label] for record in block]
                except Exception as error:
                    reason = "there are no more records" if isinstance(error, StopIteration) else one_line(error)
                    raise ValueError(
                        f"the data set in {folder} cannot be read: {split} image {start} to {stop - 1}: {reason}; "
                        "prepare it again."
                    ) from error
                append(images)
                done, start = done + stop - start, stop
                progress(f"decode {folder.parent.name}", done, total)
        if next(records[split], None):
            raise ValueError(
                f"the data set in {folder} cannot be used: its {split} split has more than the {len(labels)} records "
                "of its dataset_info.json; prepare it again."
            )
        if len(labels) == 0 or not (labels >= 0).all() or not (labels < classes).all():
            raise ValueError(f"the data set in {folder} cannot be used: its {split} split lacks images or labels.")
        np.save(out / f"{split}_labels.npy", labels)
    return [str(class_name) for class_name in builder.info.features[label].names]


def image_and_label(tfds: Any, info: Any) -> tuple[str, str]:
    """Return the names of the image feature and the label feature of a data set, or raise ValueError."""
    features = dict(info.features)
    kinds = tfds.features.Image, tfds.features.ClassLabel
    pair = info.supervised_keys or [
        next((name for name, feature in features.items() if isinstance(feature, kind)), None) for kind in kinds
    ]
    if len(pair) != 2 or not all(isinstance(features.get(name), kind) for name, kind in zip(pair, kinds, strict=True)):
        raise ValueError(f"it does not consist of images with one class each; its features are {', '.join(features)}.")
    shape, dtype = features[pair[0]].shape, features[pair[0]].np_dtype
    if None in shape or dtype != np.uint8:
        raise ValueError(f"its images must be of one size and uint8, got shape {shape} and {np.dtype(dtype)}.")
    return str(pair[0]), str(pair[1])


def _records(tfds: Any, builder: Any, split: Any, image: str) -> Iterator[Any]:
    """Return blocks of BLOCK_SIZE records with encoded images; raise ValueError if the file format has no reader."""
    skip = {image: tfds.decode.SkipDecoding()}
    if str(builder.info.file_format.value) == "tfrecord":
        return _from_tfrecord(builder.info.features, [Path(file) for file in split.filepaths], skip)
    try:
        source = builder.as_data_source(split=split.name, decoders=skip)
    except NotImplementedError as error:
        raise ValueError(
            f"its files are {builder.info.file_format.value}; convert them to array_record with `tfds convert_format`, "
            "in an environment with TensorFlow"
        ) from error
    blocks = (range(start, min(start + BLOCK_SIZE, len(source))) for start in range(0, len(source), BLOCK_SIZE))
    return (source.__getitems__(block) for block in blocks)


def _from_tfrecord(features: Any, files: list[Path], skip: Any) -> Iterator[Any]:
    from nets.data._tfrecord import read_records

    for block in batched(chain.from_iterable(map(read_records, files)), BLOCK_SIZE, strict=False):
        yield [features.deserialize_example_np(record, decoders=skip) for record in block]


def decode_image(encoded: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Return an image of ``shape`` (height, width, channels) as uint8, decoded as TensorFlow decodes a PNG or JPEG.

    Palettes are converted to colours, gray is repeated for three channels, colours are converted to gray for one, an
    extra alpha channel is dropped, and 16 bits are reduced to the upper eight. Raises ValueError if the size differs.
    """
    from PIL import Image

    height, width, channels = shape
    with Image.open(io.BytesIO(encoded)) as image:
        if image.size != (width, height):
            raise ValueError(f"an image of {image.width} x {image.height}, not {width} x {height}")
        if channels == 1:
            image.draft("L", image.size)  # the stored luminance of a JPEG
        converted = eight_bits(image)
        if converted.mode == "P" and "transparency" in image.info and channels in (2, 4):
            converted = converted.convert("RGBA")
        return np.asarray(converted.convert(PILLOW_MODES[channels])).reshape(shape)
