"""Encoded images (JPEG, PNG, ...) of any size and mode, decoded to arrays of one size; damaged ones are left out.

The files are read twice. The first pass reads their headers, to choose one size and one mode for all. The second
decodes them, in threads: Pillow decodes without the lock of Python's interpreter, and threads need no second import of
the user's program, as processes do. Test images are held out last, when it is known which files are intact.
"""

import errno
import math
import shutil
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import batched, chain
from pathlib import Path
from typing import Any

import numpy as np

from nets.data.array_files import divide, written_images
from nets.data.formats.one_image import DecodedImage, Header, decode, read_header
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
BLOCK_ITEMS, BLOCK_BYTES = 512, 2**26
"""Images, and bytes of them as files and as pixels, that are in memory at a time; one image at least."""
BLOCK_PARTS = 16
"""Parts of a block, each of which a thread decodes."""
DECODING_COPIES = 8
"""Bytes of memory that the decoding of an image takes, for each byte of its pixels."""


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
    """Write {split}_{images,labels,files}.npy into ``out``, and return the content of the entry of the cache.

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
        Called with the pass, ``read``, ``decode`` or ``divide``, the number of finished images, and their total number.

    Raises
    ------
    ValueError
        If more than half of the images are damaged, all of a class in a split, a class has too few for a test split, or
        an image does not fit into memory.
    OSError
        If the images do not fit on the disk, or cannot be written.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # of Pillow, of odd metadata
        headers, found = _Found(), _Found()
        for split, image, header in _in_threads(pool, read_header, 0, splits, partial(progress, "read"), total):
            headers.add(split, image, header)
        _require_mostly_intact(headers, total)
        shape = _shape(headers, image_size)
        _require_room(shape, total, out)
        del headers  # as large as `found`, for a million files
        decode_one, report = partial(decode, shape=shape), partial(progress, "decode")
        with ExitStack() as files:
            append = {
                split: files.enter_context(written_images(out / f"{split}_images.npy", shape)) for split in splits
            }
            for split, image, decoded in _in_threads(pool, decode_one, math.prod(shape), splits, report, total):
                if isinstance(decoded, DecodedImage):
                    found.add(split, image, decoded.header)
                    append[split](decoded.pixels[np.newaxis])
                else:
                    found.add(split, image, decoded)
    _require_mostly_intact(found, total)
    for split in splits:
        _require_every_class(found, split, class_names)
    labels = {split: np.array(found.labels[split], np.int32) for split in splits}
    names = {split: np.array(found.names[split]) for split in splits}
    reading: dict[str, Any] = {
        "image_shape": list(shape),
        "sizes": {f"{height} x {width}": count for (height, width), count in found.sizes.most_common(10)},
        "modes": dict(found.modes.most_common()),
        "damaged": len(found.damaged),
        "damaged_files": found.damaged,
    }
    notes = [*_notes(found, shape, class_names)]
    if "test" not in splits:
        train, test = hold_out_test(labels["train"])
        parts = {"train_images.npy": train, "test_images.npy": test}
        divide(out, "train_images.npy", parts, partial(progress, "divide"))
        for arrays in (labels, names):
            arrays["train"], arrays["test"] = arrays["train"][train], arrays["train"][test]
        reading["test"] = held_out_record(len(test))
        notes.append(held_out_note(reading["test"]))
    for split in labels:
        np.save(out / f"{split}_labels.npy", labels[split])
        np.save(out / f"{split}_files.npy", names[split])
    return {"class_names": class_names, "notes": notes, "reading": reading}


@dataclass
class _Found:
    """What a pass finds."""

    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Of the intact images of each split."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, str] = field(default_factory=dict)
    """Name -> reason."""
    damaged_labels: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Split -> name -> index of the class of each damaged image."""

    def add(self, split: str, image: Encoded, header: Header | str) -> None:
        name, label, _ = image
        if isinstance(header, str):
            self.damaged[name] = header
            self.damaged_labels[split][name] = label
        else:
            self.names[split].append(name)
            self.labels[split].append(label)
            self.sizes[header[0]] += 1
            self.modes[header[1]] += 1


def _blocks(splits: Splits, bytes_each: int) -> Iterator[list[tuple[str, Encoded]]]:
    """Yield split and image of all images in blocks; ``bytes_each`` is the size of what is made of an image."""
    block, size = [], 0
    for split, iterate in splits.items():
        for image in iterate():
            block.append((split, image))
            size += bytes_each + (len(image[2]) if isinstance(image[2], bytes) else 0)
            if len(block) == BLOCK_ITEMS or size >= BLOCK_BYTES:
                yield block
                block, size = [], 0
    if block:
        yield block


def _in_threads[R](
    pool: ThreadPoolExecutor,
    function: Callable[[Path | bytes], R],
    bytes_each: int,
    splits: Splits,
    progress: Callable[[int, int], None],
    total: int,
) -> Iterator[tuple[str, Encoded, R]]:
    """Yield split, image and result of ``function``, of ``bytes_each``, of each image, in order, block by block."""
    done = 0
    for block in _blocks(splits, bytes_each):
        parts = batched(block, -(-len(block) // BLOCK_PARTS), strict=False)
        results = pool.map(lambda part: [function(source) for _, (_, _, source) in part], parts)
        for (split, image), result in zip(block, chain.from_iterable(results), strict=True):
            yield split, image, result
        done += len(block)
        progress(done, total)


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


def _require_room(shape: tuple[int, int, int], total: int, out: Path) -> None:
    """Raise ValueError if an image does not fit into memory, OSError if all do not fit on the disk of ``out``."""
    import psutil  # of the extra nets: --help needs none

    height, width, _ = shape
    memory, free = psutil.virtual_memory().available, shutil.disk_usage(out).free
    if (needed := DECODING_COPIES * math.prod(shape)) > memory:
        raise ValueError(
            f"`image_size` must be smaller: an image of {height:,} x {width:,} pixels takes {needed / 1e9:,.1f} GB of "
            f"memory to decode, and {memory / 1e9:,.1f} GB are free."
        )
    if (needed := total * math.prod(shape)) > free:
        raise OSError(
            errno.ENOSPC,
            f"{total:,} images of {height:,} x {width:,} pixels take {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB "
            "are free",
        )


def _require_mostly_intact(found: _Found, total: int) -> None:
    if len(found.damaged) > MAX_DAMAGED * total:
        raise ValueError(
            f"{len(found.damaged):,} of the {total:,} images are damaged, {_named(found.damaged)}; copy or download "
            "them again."
        )


def _require_every_class(found: _Found, split: str, class_names: list[str]) -> None:
    """Raise ValueError if no image of a class is intact; for testing and validation a class may have no image."""
    intact, damaged = set(found.labels[split]), found.damaged_labels[split]
    classes = range(len(class_names)) if split == "train" else damaged.values()
    lost = sorted(set(classes) - intact)
    if lost or not intact:
        what = f" of class {class_names[lost[0]]}" if intact else ""
        named = {name: found.damaged[name] for name, label in damaged.items() if not intact or label == lost[0]}
        which = f": {_named(named)}" if named else ""
        raise ValueError(
            f"there are no intact {'training' if split == 'train' else split} images{what}{which}; copy them again, or "
            "remove them."
        )


def _named(damaged: dict[str, str]) -> str:
    """Return the first damaged images, and why, in words."""
    named = ", ".join(f"{name} ({reason})" for name, reason in list(damaged.items())[:NAMED])
    return f"such as {named}" if len(damaged) > NAMED else named


def _notes(found: _Found, shape: tuple[int, int, int], class_names: list[str]) -> Iterator[str]:
    """Yield sentences on what was read."""
    height, width, channels = shape
    by_class = np.bincount([*chain.from_iterable(found.labels.values())], minlength=len(class_names))
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
        more = "; config.json has all" if len(found.damaged) > NAMED else ""
        yield f"{files} left out: {_named(found.damaged)}{more}."
