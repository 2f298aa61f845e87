"""Image data sets in Parquet files, as those of the Hugging Face Hub: an image and a label in each row."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closedform import extras
from closedform.reasons import one_line
from nets.data.formats.encoded_images import Encoded, Progress, write_arrays
from nets.data.formats.image_folder import SPLITS

ROWS = 32
"""Rows that are read at a time."""
IMAGES = ("image", "img")
LABELS = ("label", "labels", "class", "target", "fine_label")
"""Names of the columns of image and label, the first first, where there are several that could be it."""


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

    The column of images is one of structs with the field ``bytes``, or of binary values. That of labels has whole
    numbers, text, or true and false, also as categories of pandas. Of several, the one declared as ``Image`` or
    ``ClassLabel`` in the metadata, or with a name in `IMAGES` or `LABELS`, is taken. The names of classes are those of
    the ``ClassLabel``, or else the labels of the training images.

    Raises
    ------
    ValueError
        If a file is damaged or has no such columns, the files differ in their columns or classes, or a row has the path
        of an image in place of it.
    ModuleNotFoundError
        If pyarrow, of the extra ``parquet``, is not installed.
    """
    extras.require("pyarrow")
    import pyarrow.parquet as pq

    paths = {file: _name(file, source) for members in files.values() for file in members}
    schemas, total = {}, 0
    for file, path in paths.items():
        with _named(path):
            schemas[file] = pq.read_schema(file)
            total += pq.read_metadata(file).num_rows
        if twice := [name for name, count in Counter(schemas[file].names).items() if count > 1]:
            raise ValueError(f"{path} has several columns of the name {twice[0]}; rename or remove all but one.")
    first = files["train"][0]
    image, label, names = _columns(schemas[first])
    _require_alike({paths[file]: schema for file, schema in schemas.items()}, paths[first], image, label)
    if not total:
        raise ValueError("there are no rows; download it again.")
    if names is None:
        values = sorted(_labels(files["train"], paths, label))
        names = [str(value) for value in values]
        classes = {value: index for index, value in enumerate(values)}
    else:
        classes = {index: index for index in range(len(names))}

    def encoded(members: list[Path]) -> Callable[[], Iterator[Encoded]]:
        def iterate() -> Iterator[Encoded]:
            for file in members:
                with _named(paths[file]):
                    yield from _rows(file, paths[file], image, label, classes)

        return iterate

    splits = {split: encoded(members) for split, members in files.items()}
    content = write_arrays(splits, total, names, out, image_size, progress)
    content["notes"].append(f"Images are those of the column {image}, and labels those of {label}.")
    content["reading"]["columns"] = {"image": image, "label": label}
    return content


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Raise an error of pyarrow or of the disk as a ValueError that names the file ``path``."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read: {one_line(error).rstrip('.')}; download it again.") from error


def _columns(schema: Any) -> tuple[str, str, list[str] | None]:
    """Return the columns of images and labels, and the names of the classes if the metadata have them."""
    features = _features(schema)
    declared = {
        kind: [name for name, feature in features.items() if feature["_type"] == kind]
        for kind in ("Image", "ClassLabel")
    }
    images = [field.name for field in schema if _holds_images(field.type)]
    labels = [field.name for field in schema if _kind_of_labels(field.type)]
    image = _column(images, declared["Image"], IMAGES, schema.names)
    label = _column(labels, declared["ClassLabel"], LABELS, schema.names)
    if image is None or label is None:
        lacking = "images (structs with the field `bytes` or binary values, and named `image` if there are several)"
        if image:
            lacking = "labels (whole numbers or text, and named `label` if there are several)"
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise ValueError(f"it has no column of {lacking}; rename or convert one of its columns: {columns}.")
    return image, label, _class_names(schema, label)


def _column(holding: list[str], declared: list[str], usual: tuple[str, ...], present: Collection[str]) -> str | None:
    """Return the column to read of those ``holding`` what is read, or None if it is not known which.

    Of those ``declared`` in the metadata, or else of all, it is that with a ``usual`` name, or the only one. If a usual
    name is ``present`` and holds something else, no other column is taken.
    """
    declared = [name for name in declared if name in holding]
    columns = declared or holding
    known = [name for name in usual if name in (declared or present)]
    preferred = [name for name in known if name in columns] or (columns if len(columns) == 1 and not known else [])
    return preferred[0] if preferred else None


def _holds_images(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
        return types.is_null(kind) or _holds_images(kind)  # null: all rows have a path alone
    return types.is_binary(kind) or types.is_large_binary(kind)


def _kind_of_labels(kind: Any) -> str | None:
    """Return what labels of a type are, in words, or None if it is no type of labels."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_integer(kind):
        return "whole numbers"
    return "true and false" if types.is_boolean(kind) else None


def _require_alike(schemas: dict[str, Any], first: str, image: str, label: str) -> None:
    """Raise ValueError unless all files have the columns, the kind of labels and the classes of the ``first``."""
    kind, names = _kind_of_labels(schemas[first].field(label).type), _class_names(schemas[first], label)
    for path, schema in schemas.items():
        if lacking := {image, label} - {*schema.names}:
            raise ValueError(
                f"{path} has no column {lacking.pop()} as {first} has; rename one of its columns: "
                f"{', '.join(schema.names)}."
            )
        if not _holds_images(found := schema.field(image).type):
            raise ValueError(f"{path} has no images in its column {image}, but {found}; write all files alike.")
        if _kind_of_labels(found := schema.field(label).type) != kind:
            raise ValueError(
                f"{path} has labels of another type ({found}) than {first} ({schemas[first].field(label).type}); write "
                "all files alike."
            )
        if names and (others := _class_names(schema, label)) not in (None, names):
            raise ValueError(
                f"{path} has the classes {', '.join(others or [])}, and not {', '.join(names)} as {first}; write all "
                "files alike."
            )


def _labels(files: list[Path], paths: dict[Path, str], label: str) -> set[Any]:
    """Return the different labels in the files; raise ValueError if one is missing, or there are none."""
    import pyarrow.parquet as pq

    found = set()
    for file in files:
        with _named(paths[file]):
            found.update(pq.read_table(file, columns=[label])[label].to_pylist())
        if None in found:
            raise ValueError(f"the column {label} of {paths[file]} has rows without a label; remove them.")
    if not found:
        raise ValueError("there are no training images; download them again.")
    return found


def _name(file: Path, source: Path) -> str:
    """Return the name of a file in ``source``, which may be the file itself."""
    return file.name if file == source else str(file.relative_to(source))


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    """Return the columns that Hugging Face's `datasets` describes in the metadata, with their ``_type``."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"].items()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return {name: feature for name, feature in features if isinstance(feature, dict) and "_type" in feature}


def _class_names(schema: Any, label: str) -> list[str] | None:
    """Return the names of the classes if the metadata have them, in a ``ClassLabel``."""
    feature = _features(schema).get(label, {})
    names = feature.get("names") if feature.get("_type") == "ClassLabel" else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _rows(file: Path, path: str, image: str, label: str, classes: dict[Any, int]) -> Iterator[Encoded]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as reader:
        row = 0
        for batch in reader.iter_batches(batch_size=ROWS, columns=[image, label]):
            for encoded, value in zip(batch[image].to_pylist(), batch[label].to_pylist(), strict=True):
                content = encoded.get("bytes") if isinstance(encoded, dict) else encoded
                if isinstance(encoded, dict) and not content and encoded.get("path"):
                    raise ValueError(
                        f"row {row} of {path} has only the path of its image, {encoded['path']}, and not the image; "
                        "store the images too, as `push_to_hub` of Hugging Face's datasets does."
                    )
                if value not in classes:
                    raise ValueError(
                        f"the label {value!r} in row {row} of {path} is none of the {len(classes)} classes of the "
                        "training images; remove the row, or the file if its images have no labels."
                    )
                yield f"{path} row {row}", classes[value], content or b""
                row += 1
