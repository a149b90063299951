"""Named columns in one block of bytes that is used where it lies: opening it decodes nothing.

0    8 bytes  TOLLDECK
8    uint32   version of the format, little-endian as everything here
12   uint32   bytes of the directory
16   JSON     {"bytes": of all columns, "columns": {name: [numpy type, offset, count]}}
     columns, each from a multiple of 64 bytes on; offsets count from the first of them
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from mmap import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"TOLLDECK"
FORMAT_VERSION = 1
ALIGNMENT_BYTES = 64

Columns = Mapping[str, npt.NDArray[Any]]
Content = bytes | bytearray | memoryview | mmap

_HEAD = struct.Struct("<8sII")


class DamagedSnapshotError(ValueError):
    """The bytes are no snapshot, or one of another format, or not all of it."""


def pack(columns: Columns) -> bytearray:
    """Put columns of little-endian numbers into one block."""
    places: dict[str, tuple[str, int, int]] = {}
    size = 0
    for name, column in columns.items():
        places[name] = (column.dtype.str, size, len(column))
        size += _aligned(column.nbytes)
    directory = json.dumps({"bytes": size, "columns": places}, separators=(",", ":")).encode()
    start = _aligned(_HEAD.size + len(directory))
    content = bytearray(start + size)
    _HEAD.pack_into(content, 0, MAGIC, FORMAT_VERSION, len(directory))
    content[_HEAD.size : _HEAD.size + len(directory)] = directory
    for name, (kind, offset, count) in places.items():
        np.frombuffer(content, kind, count, start + offset)[:] = columns[name]
    return content


def unpack(content: Content) -> Columns:
    """The columns of a block, as views of it.

    Raises:
        DamagedSnapshotError: see there.
    """
    try:
        magic, version, directory_bytes = _HEAD.unpack_from(content)
        if (magic, version) != (MAGIC, FORMAT_VERSION):
            raise DamagedSnapshotError(f"format {magic!r} {version}; expected {FORMAT_VERSION}")
        directory = json.loads(bytes(content[_HEAD.size : _HEAD.size + directory_bytes]))
        start = _aligned(_HEAD.size + directory_bytes)
        if len(content) != start + directory["bytes"]:
            raise DamagedSnapshotError(f"{len(content)} bytes; the directory says otherwise")
        return {
            name: np.frombuffer(content, kind, count, start + offset)
            for name, (kind, offset, count) in directory["columns"].items()
        }
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise DamagedSnapshotError(str(error)) from error


def _aligned(size: int) -> int:
    """The next multiple of ALIGNMENT_BYTES."""
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
