"""Reads a file that may still grow, or was rotated: which file it is, and what is new in it."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from services.cdr.domain.framing import Framer
from services.cdr.domain.records import RawRecord
from services.cdr.store.files import Checkpoint

CHUNK_BYTES = 128 * 1024
FINGERPRINT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the folder shows it now."""

    path: Path
    file_id: str
    size: int
    modified_nanos: int

    @property
    def name(self) -> str:
        """The name as text: bytes that are none, which a file name may have, are replaced."""
        return os.fsencode(self.path.name).decode(errors="replace")

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> "FoundFile":
        """Device and inode stay the same when a log is rotated by renaming."""
        file_id = f"{status.st_dev}:{status.st_ino}"
        return cls(path, file_id, status.st_size, status.st_mtime_ns)

    def is_finished(self, start: Checkpoint, quiet_seconds: int) -> bool:
        """Whether nothing will be added: it was renamed, or has not grown for long.

        `start` is where this very file is read on: another file under its inode had another name.
        """
        was_renamed = start.name != self.name
        return was_renamed or time.time_ns() - self.modified_nanos > quiet_seconds * 1_000_000_000


def starting_point(file: BinaryIO, found: FoundFile, known: Checkpoint | None) -> Checkpoint:
    """Where to read on: at the known position if it is still the same file, else at the start.

    An inode is used again when a file is deleted, and `copytruncate` empties a file in place: then
    the bytes around the position are others.
    """
    if known is None or _fingerprint(file, known.position) != known.fingerprint:
        return Checkpoint(found.file_id, found.name, fingerprint=_fingerprint(file, 0))
    return known


def read_on(
    file: BinaryIO, start: Checkpoint, framer: Framer, is_finished: bool
) -> Iterator[tuple[list[RawRecord], Checkpoint]]:
    """The new records, each piece with the position after it.

    A last line without its end is left for later, until the file is finished.
    """
    framer.resume(start.position, start.record_count)
    file.seek(start.position)
    while chunk := file.read(CHUNK_BYTES):
        records = framer.feed(chunk)
        if framer.position > start.position:
            yield records, _checkpoint(file, start, framer)
    if is_finished:
        rest = framer.finish()
        if framer.position > start.position:
            yield rest, _checkpoint(file, start, framer)


def _checkpoint(file: BinaryIO, start: Checkpoint, framer: Framer) -> Checkpoint:
    return start._replace(
        position=framer.position,
        record_count=framer.record_count,
        fingerprint=_fingerprint(file, framer.position),
    )


def _fingerprint(file: BinaryIO, position: int) -> bytes:
    """Digest of the first and the last bytes before the position."""
    size = min(FINGERPRINT_BYTES, position)
    first = os.pread(file.fileno(), size, 0)
    last = os.pread(file.fileno(), size, position - size)
    return hashlib.sha256(first + last).digest()
