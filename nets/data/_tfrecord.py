"""The records of TFRecord files, the default format of TensorFlow Datasets, read without TensorFlow.

A record is its length (8 bytes), a masked CRC-32C of that (4), its bytes, and a masked CRC-32C of them (4), all little
endian: tensorflow.org/tutorials/load_data/tfrecord.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c


def read_records(file: Path) -> Iterator[bytes]:
    """Yield the records in ``file``; raise ValueError if it is truncated or damaged."""
    with file.open("rb") as stream:
        while header := stream.read(12):
            if len(header) < 12 or not _matches(header[:8], header[8:]):
                raise ValueError(f"{file.name} is damaged: the checksum of a record's length differs")
            (length,) = struct.unpack("<Q", header[:8])
            record, checksum = stream.read(length), stream.read(4)
            if len(record) < length or len(checksum) < 4:
                raise ValueError(f"{file.name} is truncated")
            if not _matches(record, checksum):
                raise ValueError(f"{file.name} is damaged: the checksum of a record differs")
            yield record


def masked_crc32c(content: bytes) -> bytes:
    """Return the masked CRC-32C of ``content``, as stored in a file."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _matches(content: bytes, checksum: bytes) -> bool:
    return masked_crc32c(content) == checksum
