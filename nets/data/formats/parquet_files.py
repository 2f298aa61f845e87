"""Image data sets in Parquet files, as those of the Hugging Face Hub: an image and a label in each row."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from closedform import extras
from closedform.reasons import one_line
from nets.data.formats.encoded_images import Encoded, Progress, write_arrays
from nets.data.formats.image_folder import SPLITS

ROWS = 32
"""Rows that are read at a time."""
LABELS = ("label", "labels", "class", "target", "fine_label")
"""Names of the column of the label, the first first, where there are several that could be it."""


def find_files(source: Path) -> dict[str, list[Path]]:
    """Return the Parquet files of each split, sorted; none if there are none.

    The name of a file, or of a folder that it is in, begins with its split: ``data/train-00000-of-00002.parquet``,
    ``train/0000.parquet``, ``default/train/0000.parquet``. A file alone, or files without the name of a split, are
    training images. Raises ValueError if there are files of several configurations, or not all have a split.
    """
    if source.suffix == ".parquet" and source.is_file():
        return {"train": [source]}
    found: dict[str, list[Path]] = {}
    configurations = set()
    for file in sorted(file for above in ("", "*/", "*/*/") for file in source.glob(f"{above}*.parquet")):
        parts = file.relative_to(source).parts
        found.setdefault(next(filter(None, map(_split, parts)), ""), []).append(file)
        configurations.add(source.joinpath(*(part for part in parts[:-1] if not _split(part))))
    if len(configurations) > 1:
        names = sorted(str(folder.relative_to(source)) for folder in configurations)
        raise ValueError(
            f"`dataset` {source} has Parquet files of several data sets, in {', '.join(names)}; name the folder of "
            f"one, such as {max(configurations)}."
        )
    others = found.pop("", [])
    if others and not found:
        return {"train": others}
    if others or (found and "train" not in found):
        name = others[0].name if others else next(iter(found.values()))[0].name
        raise ValueError(
            f"`dataset` {source} must have Parquet files named train-..., test-... and validation-..., "
            f"and has {name}; rename it, or name that file alone."
        )
    return found


def _split(name: str) -> str:
    """Return the split that is the first word in the name of a file or folder, or nothing."""
    word = re.match("[a-z]*", name.lower())
    return next((split for split, names in SPLITS.items() if word and word[0] in names), "")


def decode(
    source: Path,
    files: dict[str, list[Path]],
    out: Path,
    image_size: tuple[int, ...] | None,
    progress: Progress,
) -> dict[str, Any]:
    """Write the images into ``out`` by `write_arrays`, and return the content of the entry of the cache.

    The column of images is the one of structs with the field ``bytes``, or of binary values. That of labels has whole
    numbers, text, or true and false, also as categories of pandas. The names of classes are those of the ``ClassLabel``
    in the metadata, or else the labels.

    Raises
    ------
    ValueError
        If a file is damaged or has no such columns, or the files differ in their columns or classes.
    ModuleNotFoundError
        If pyarrow, of the extra ``parquet``, is not installed.
    """
    extras.require("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = {file: _name(file, source) for members in files.values() for file in members}
    try:
        image, label, names = _columns(pq.read_schema(files["train"][0]))
        for file, path in paths.items():
            schema = pq.read_schema(file)
            if lacking := {image, label} - {*schema.names}:
                raise ValueError(f"{path} has no column {lacking.pop()}; its columns are {', '.join(schema.names)}")
            if names and (others := _class_labels(schema).get(label)) not in (None, names):
                raise ValueError(f"{path} has the classes {', '.join(others or [])}, and not {', '.join(names)}")
        if not (total := sum(pq.read_metadata(file).num_rows for file in paths)):
            raise ValueError("there are no rows")
        if names is None:
            stored = {value for file in paths for value in pq.read_table(file, columns=[label])[label].to_pylist()}
            if None in stored:
                raise ValueError(f"its column {label} has rows without a label; remove them")
            values = sorted(stored)
            names = [str(value) for value in values]
            classes = {value: index for index, value in enumerate(values)}
        else:
            classes = {index: index for index in range(len(names))}
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{one_line(error)}.") from error

    def encoded(members: list[Path]) -> Callable[[], Iterator[Encoded]]:
        def iterate() -> Iterator[Encoded]:
            for file in members:
                try:
                    yield from _rows(file, paths[file], image, label, classes)
                except (pa.ArrowException, OSError) as error:
                    raise ValueError(f"{paths[file]} is damaged: {one_line(error)}; download it again.") from error

        return iterate

    splits = {split: encoded(members) for split, members in files.items()}
    return write_arrays(splits, total, names, out, image_size, progress)


def _columns(schema: Any) -> tuple[str, str, list[str] | None]:
    """Return the columns of images and labels, and the names of the classes if the metadata have them."""
    import pyarrow.types as types

    def holds_images(kind: Any) -> bool:
        return (
            types.is_binary(kind)
            or types.is_large_binary(kind)
            or (types.is_struct(kind) and kind.get_field_index("bytes") >= 0)
        )

    def holds_labels(kind: Any) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        text = types.is_string(kind) or types.is_large_string(kind)
        return text or types.is_integer(kind) or types.is_boolean(kind)

    images = [field.name for field in schema if holds_images(field.type)]
    named = _class_labels(schema)
    labels = list(named) or [field.name for field in schema if holds_labels(field.type)]
    known = [name for name in LABELS if name in (named or schema.names)]  # of another type, no other column is taken
    preferred = [name for name in known if name in labels] or (labels if len(labels) == 1 and not known else [])
    if not images or not preferred:
        lacking = "images (structs with the field `bytes`)"
        if images:
            lacking = "labels (whole numbers or text, and named `label` if there are several)"
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise ValueError(f"it has no column of {lacking}; its columns are {columns}")
    return images[0], preferred[0], named.get(preferred[0])


def _name(file: Path, source: Path) -> str:
    """Return the name of a file in ``source``, which may be the file itself."""
    return file.name if file == source else str(file.relative_to(source))


def _class_labels(schema: Any) -> dict[str, list[str]]:
    """Return the names of the classes of each ``ClassLabel`` in the metadata of Hugging Face's `datasets`."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(value) for value in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _rows(file: Path, path: str, image: str, label: str, classes: dict[Any, int]) -> Iterator[Encoded]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as reader:
        row = 0
        for batch in reader.iter_batches(batch_size=ROWS, columns=[image, label]):
            for encoded, value in zip(batch[image].to_pylist(), batch[label].to_pylist(), strict=True):
                content = encoded.get("bytes") if isinstance(encoded, dict) else encoded
                if value not in classes:
                    raise ValueError(
                        f"the label {value!r} in row {row} of {path} is none of the {len(classes)} "
                        "classes; remove the row."
                    )
                yield f"{path} row {row}", classes[value], content or b""
                row += 1
