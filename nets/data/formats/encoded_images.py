"""Encoded images (JPEG, PNG, ...) of any size and mode, decoded to arrays of one size; damaged ones are left out.

The files are read twice. The first pass reads their headers, to choose one size and one mode for all. The second
decodes them, in threads: Pillow decodes without the lock of Python's interpreter, and threads need no second import of
the user's program, as processes do.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import batched, chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nets.data.formats.one_image import decode, read_header
from nets.data.splits import held_out_note, held_out_record, hold_out_test

type Encoded = tuple[str, int, Path | bytes]
"""The name of an image, the index of its class, and its file or its content."""
type Progress = Callable[[str, int, int], None]
"""Called with the current task, the number of finished images, and their total number."""

MAX_DEFAULT_SIDE = 64
"""Pixels of the longer side that images have at most, if no size is given: a photograph of 12 megapixels would make the
first linear layer of these networks larger than the memory of any device."""
MAX_DAMAGED = 0.5
"""Largest proportion of damaged images; with more, the files are not what they seem to be."""
NAMED = 3
"""Number of damaged images that a sentence names."""
GRAY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}
"""Pillow's modes without colour."""
THREAD_ITEMS, BLOCK_ITEMS = 32, 512
"""Images that a thread decodes at a time, and images in memory at a time."""


type Splits = Mapping[str, Callable[[], Iterable[Encoded]]]
"""Split -> a function that iterates over its images."""


def write_arrays(
    splits: Splits,
    total: int,
    class_names: list[str],
    out: Path,
    image_size: tuple[int, ...] | None,
    progress: Progress,
) -> dict[str, Any]:
    """Write {split}_{images,labels}.npy into ``out``, and return the content of the entry of the cache.

    Parameters
    ----------
    splits
        ``train``, and perhaps ``test`` and ``validation``. Without ``test`` a stratified tenth of the training images
        becomes the test split.
    total
        Number of images in all splits.
    class_names
        Names of the classes.
    out
        An empty folder.
    image_size
        (side,) or (height, width) in pixels; None for the most common size, reduced to `MAX_DEFAULT_SIDE`.
    progress
        Called with the pass, ``read`` or ``decode``, the number of finished images, and their total number.

    Raises
    ------
    ValueError
        If more than half of the images are damaged, or a class has too few for a test split.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # of Pillow, of odd metadata
        found = _Found()
        for split, (name, label, _), header in _in_threads(pool, read_header, splits, partial(progress, "read"), total):
            found.add(split, name, label, header)
        _require_mostly_intact(found.damaged, total)
        shape = _shape(found, image_size)
        destinations = {split: np.full(len(labels), split, "<U10") for split, labels in found.labels.items()}
        if held_out := "test" not in splits:
            intact = np.flatnonzero(found.intact["train"])
            _, test = hold_out_test(np.array(found.labels["train"])[intact])
            destinations["train"][intact[test]] = "test"
        with ExitStack() as files:
            writers = {
                split: _Writer(files.enter_context((out / f"{split}_images.npy").open("wb")), shape)
                for split in [*splits, *(["test"] if held_out else [])]
            }
            written = chain.from_iterable(destinations[split] for split in splits)
            decoded = _in_threads(pool, partial(decode, shape=shape), splits, partial(progress, "decode"), total)
            for destination, (_, (name, label, _), image) in zip(written, decoded, strict=True):
                if isinstance(image, str):
                    found.damaged[name] = image
                else:
                    writers[destination].add(image, label)
            for writer in writers.values():
                writer.finish()
    _require_mostly_intact(found.damaged, total)
    by_class = {split: np.bincount(writer.labels, minlength=len(class_names)) for split, writer in writers.items()}
    for split, writer in writers.items():
        np.save(out / f"{split}_labels.npy", np.array(writer.labels, np.int32))
        _require_images(class_names, split, by_class[split])
    reading: dict[str, Any] = {
        "image_shape": list(shape),
        "sizes": {f"{height} x {width}": count for (height, width), count in found.sizes.most_common(10)},
        "modes": dict(found.modes.most_common()),
        "damaged": len(found.damaged),
        "damaged_files": dict(list(found.damaged.items())[:NAMED]),
    }
    notes = [*_notes(found, shape, class_names, np.sum(list(by_class.values()), axis=0))]
    if held_out:
        reading["test"] = held_out_record(int(by_class["test"].sum()))
        notes.append(held_out_note(reading["test"]))
    return {"class_names": class_names, "notes": notes, "reading": reading}


@dataclass
class _Found:
    """What the first pass finds."""

    labels: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    intact: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    """Whether the header of each image can be read."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, str] = field(default_factory=dict)
    """Name -> reason."""

    def add(self, split: str, name: str, label: int, header: tuple[tuple[int, int], str] | str) -> None:
        self.labels[split].append(label)
        self.intact[split].append(not isinstance(header, str))
        if isinstance(header, str):
            self.damaged[name] = header
        else:
            self.sizes[header[0]] += 1
            self.modes[header[1]] += 1


class _Writer:
    """Writes images to an .npy file one after the other; their number need not be known before."""

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int]) -> None:
        self._file, self._shape = file, shape
        self.labels: list[int] = []
        self._write_header()

    def add(self, image: np.ndarray, label: int) -> None:
        self._file.write(image.tobytes())
        self.labels.append(label)

    def finish(self) -> None:
        self._file.seek(0)
        self._write_header()  # as long as before: NumPy leaves room for a first axis that grows

    def _write_header(self) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(self.labels), *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


def _in_threads[R](
    pool: ThreadPoolExecutor,
    function: Callable[[Path | bytes], R],
    splits: Splits,
    progress: Callable[[int, int], None],
    total: int,
) -> Iterator[tuple[str, Encoded, R]]:
    """Yield split, image and result of ``function`` of each image, in order; few are in memory at a time."""
    images = ((split, image) for split, iterate in splits.items() for image in iterate())
    for number, block in enumerate(batched(images, BLOCK_ITEMS, strict=False)):
        parts = batched(block, THREAD_ITEMS, strict=False)
        results = pool.map(lambda part: [function(source) for _, (_, _, source) in part], parts)
        for (split, image), result in zip(block, chain.from_iterable(results), strict=True):
            yield split, image, result
        progress(number * BLOCK_ITEMS + len(block), total)


def _shape(found: _Found, image_size: tuple[int, ...] | None) -> tuple[int, int, int]:
    """Return the (height, width, channels) for all images."""
    channels = 1 if found.modes.keys() <= GRAY_MODES else 3
    if image_size is not None:
        return image_size[0], image_size[-1], channels
    most = max(found.sizes.values())
    tied = sorted((size for size, count in found.sizes.items() if count == most), key=lambda size: size[0] * size[1])
    height, width = tied[len(tied) // 2]  # the median of images that all have sizes of their own
    scale = min(1.0, MAX_DEFAULT_SIDE / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width)), channels


def _require_mostly_intact(damaged: dict[str, str], total: int) -> None:
    if len(damaged) > MAX_DAMAGED * total:
        raise ValueError(
            f"{len(damaged):,} of the {total:,} images are damaged, {_named(damaged)}; copy or download them again."
        )


def _require_images(class_names: list[str], split: str, by_class: np.ndarray) -> None:
    if split == "train" and (empty := np.flatnonzero(by_class == 0)).size:
        raise ValueError(
            f"class {class_names[empty[0]]} has no intact training images; copy them again, or remove the class."
        )


def _named(damaged: dict[str, str]) -> str:
    """Return the first damaged images, and why, in words."""
    named = ", ".join(f"{name} ({reason})" for name, reason in list(damaged.items())[:NAMED])
    return f"such as {named}" if len(damaged) > NAMED else named


def _notes(found: _Found, shape: tuple[int, int, int], class_names: list[str], by_class: np.ndarray) -> Iterator[str]:
    """Yield sentences on what was read."""
    height, width, channels = shape
    mode = "gray" if channels == 1 else "RGB"
    classes = f"{len(class_names)} classes"
    if len(class_names) <= 10:
        classes += f" ({', '.join(f'{name} {count:,}' for name, count in zip(class_names, by_class, strict=True))})"
    yield f"{by_class.sum():,} images of {classes} are read as {mode} of {height} x {width} pixels."
    if any(size != (height, width) for size in found.sizes):
        sizes = f"{len(found.sizes):,} sizes" if len(found.sizes) > 1 else "another size"
        yield (
            f"The files have {sizes}: each image is cropped at the centre to the shape {height} x {width} and resized; "
            "--image-size takes another."
        )
    if len(found.modes) > 1:
        modes = ", ".join(f"{name} {count:,}" for name, count in found.modes.most_common())
        yield f"The files have the modes {modes}: all are converted to {mode}."
    if found.damaged:
        files = "1 damaged image is" if len(found.damaged) == 1 else f"{len(found.damaged):,} damaged images are"
        yield f"{files} left out: {_named(found.damaged)}."
