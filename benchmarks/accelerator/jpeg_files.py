"""CIFAR-10 as JPEG files, ``train|test/CLASS/*.jpg`` in a folder or a tar file, made ready for `nets`.

The images are decoded into the cache of `nets.data.image_cache`, under a data folder that has nothing but the name of
their source. `nets` then reads them as it reads any data set that it decoded before, without TensorFlow Datasets.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from closedform.reasons import one_line
from nets.data import image_cache
from nets.data.tfds_folder import decode_image

NAME = "cifar10"
SHAPE = (32, 32, 3)


def prepare(source: Path, data_dir: Path) -> None:
    """Make the JPEG files in ``source`` the data set cifar10 of ``data_dir``.

    The images go to the cache, so the environment variable CLOSEDFORM_CACHE must be the same when they are read.
    Raises ValueError if there are no such files.
    """
    folder = data_dir / NAME / "1.0.0"
    folder.mkdir(parents=True)
    content = {"name": NAME, "description": f"JPEG files of {source}, decoded by benchmarks.accelerator"}
    (folder / "dataset_info.json").write_text(json.dumps(content), encoding="utf-8")
    image_cache.open_or_write(NAME, folder, lambda out: {"class_names": decode(source, out)})


def decode(source: Path, out: Path) -> list[str]:
    """Write {train,test}_{images,labels}.npy of the JPEG files in ``source`` to ``out``; return the class names."""
    images: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    names: dict[str, list[str]] = {"train": [], "test": []}
    for path, content in jpeg_files(source):
        split, name = path.parts[-3:-1]
        if split in images:
            images[split].append(decode_image(content, SHAPE))
            names[split].append(name)
    classes = sorted(set(names["train"]))
    if len(classes) < 2 or set(names["test"]) != set(classes):
        raise ValueError(f"`data` must have files train|test/CLASS/*.jpg of the same classes, got none in {source}.")
    for split in images:
        np.save(out / f"{split}_images.npy", np.stack(images[split]))
        np.save(out / f"{split}_labels.npy", np.array([classes.index(name) for name in names[split]], np.int32))
    return classes


def jpeg_files(source: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield path and content of the JPEG files in a folder or a tar file, in order of their paths."""
    if source.is_dir():
        yield from ((file.relative_to(source), file.read_bytes()) for file in sorted(source.glob("*/*/*.jpg")))
        return
    contents: dict[Path, bytes] = {}
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None and member.name.endswith(".jpg") and member.name.count("/") >= 2:
                    contents[Path(member.name)] = stream.read()
    except (OSError, tarfile.TarError) as error:
        raise ValueError(
            f"`data` must be a folder or a tar file of JPEG files, got {source} ({one_line(error, 200)})."
        ) from error
    yield from sorted(contents.items())
