"""Images that are read when they are needed, for data sets that are larger than the memory."""

import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np

FAULT_BYTES = 2**16
"""Bytes that Linux maps around an address that is read."""
MAPPED_BYTES = 2**24
"""Bytes of a file that are mapped at a time."""
SHARED_MODES = {"r", "r+", "w+"}
"""Modes of `np.memmap` whose pages are those of the file."""


@dataclass(frozen=True)
class StoredImages:
    """Images at ``positions`` (N,) of an array (all images, height, width, channels), memory-mapped or in memory.

    It is indexed like an array of shape (N, height, width, channels), by a slice or by positions, and returns what it
    reads as an array in memory. The pages of the file are released while it reads: mapped memory counts as memory of
    the process, and would grow to the size of the file.
    """

    images: np.ndarray
    positions: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, height, width, channels)"""
        return len(self.positions), *self.images.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a pixel."""
        return self.images.dtype

    @property
    def nbytes(self) -> int:
        """Size in bytes of an array of these images."""
        return len(self.positions) * self.images[:1].nbytes

    @property
    def on_disk(self) -> bool:
        """Whether the images are in a memory-mapped file."""
        return self._mapping is not None

    @property
    def _mapping(self) -> mmap.mmap | None:
        """The mapped file that the images are a view of, or None.

        ``mmap_mode="c"`` counts as memory: what was written to such an array would be lost with its pages.
        """
        base, modes = self.images, set()
        while isinstance(base, np.ndarray):
            modes.add(getattr(base, "mode", None))
            base = base.base
        return base if isinstance(base, mmap.mmap) and modes & SHARED_MODES else None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, positions: np.ndarray) -> "StoredImages":
        """Return the images at ``positions``, without reading them."""
        return StoredImages(self.images, self.positions[positions])

    def __getitem__(self, key: Any) -> np.ndarray:
        chosen = np.atleast_1d(self.positions[key])
        order = np.argsort(chosen)  # a disk is read in the order of its file
        read = np.empty((len(chosen), *self.images.shape[1:]), self.images.dtype)
        mapping = self._mapping
        rows = max(1, MAPPED_BYTES // max(FAULT_BYTES, self.images[:1].nbytes))
        for start in range(0, len(order), rows):
            part = order[start : start + rows]
            read[part] = self.images[chosen[part]]
            if mapping and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)
        return read if np.ndim(self.positions[key]) else read[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("`copy` must not be False: stored images are read from disk.")
        return np.asarray(self[:], dtype)
