"""The records of TFRecord files, which TensorFlow Datasets writes by default, read without TensorFlow.

A record is its length (8 bytes), a masked CRC-32C of that (4), its bytes, and a masked CRC-32C of them (4), all little
endian: tensorflow.org/tutorials/load_data/tfrecord.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c


def records(file: Path) -> Iterator[bytes]:
    """Yield the records in ``file``; ValueError if it is cut short or damaged."""
    with file.open("rb") as stream:
        while header := stream.read(12):
            if len(header) < 12 or not _fits(header[:8], header[8:]):
                raise ValueError(f"{file.name} is damaged: the length of a record is not what was written")
            (length,) = struct.unpack("<Q", header[:8])
            record, check = stream.read(length), stream.read(4)
            if len(record) < length or len(check) < 4:
                raise ValueError(f"{file.name} is cut short")
            if not _fits(record, check):
                raise ValueError(f"{file.name} is damaged: the checksum of a record differs")
            yield record


def checksum(content: bytes) -> bytes:
    """Return the masked CRC-32C of ``content``, as it stands in a file."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _fits(content: bytes, check: bytes) -> bool:
    return checksum(content) == check
