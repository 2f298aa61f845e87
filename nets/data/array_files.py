"""Images in .npy files, which are written block by block."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nets.data.stored_images import StoredImages

ROWS = 512
"""Images that are copied at a time, or as many as fit into `COPIED_BYTES`."""
COPIED_BYTES = 2**26


@contextmanager
def written_images(path: Path, shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """Yield a function that appends images, uint8, to the file; their number need not be known before.

    ``shape`` is (height, width, channels).
    """
    count = 0
    with path.open("wb") as file:  # not memory-mapped: a full disk is an OSError

        def write_header() -> None:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(file, header)

        def append(images: np.ndarray) -> None:
            nonlocal count
            file.write(images.tobytes())
            count += len(images)

        write_header()
        yield append
        file.seek(0)
        write_header()  # as long as before: NumPy leaves room for a first axis that grows


def divide(folder: Path, name: str, positions: Mapping[str, np.ndarray], progress: Callable[[int, int], None]) -> None:
    """Divide the images in ``folder``/``name`` among files with the names and positions of ``positions``.

    ``name`` may be one of them. It needs room for the images twice. ``progress`` is called with the number of finished
    images, and their total number.
    """
    whole, done = folder / "whole", 0
    (folder / name).rename(whole)
    images = np.load(whole, mmap_mode="r")
    rows = max(1, min(ROWS, COPIED_BYTES // images[:1].nbytes))
    for target, chosen in positions.items():
        stored = StoredImages(images, chosen)
        with written_images(folder / target, images.shape[1:]) as append:
            for start in range(0, len(stored), rows):
                block = stored[start : start + rows]
                append(block)
                done += len(block)
                progress(done, len(images))
    whole.unlink()
