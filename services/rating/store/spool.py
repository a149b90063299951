"""Records in append-only files, safe on disk before anybody relies on them.

A folder has segments. One is appended to; the others wait to be taken, by whoever has the lock of
a segment: an earlier process that was killed has none. Each line begins with the checksum of its
record, so that a line that was cut off in the middle is known.
"""

import fcntl
import logging
import os
import threading
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# About 60,000 answers.
SPOOL_BYTES_MAX = 64 * 2**20
PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
SUFFIX = ".spool"
# What a segment with a line that nobody can read is kept as.
DAMAGED_SUFFIX = ".damaged"
# Beside a segment that is done with: its records that could not be stored, to be tried again by
# whoever gives the file the name of a segment.
REFUSED_SUFFIX = ".refused"

_logger = logging.getLogger(__name__)


class Segment:
    """A file that nobody appends to any more, locked for who has this object."""

    def __init__(self, path: Path, handle: int, is_own: bool) -> None:
        self.path = path
        self.is_own = is_own
        """Whether this process wrote it."""
        self._handle = handle
        content = path.read_bytes()
        self.byte_count = len(content)
        *lines, rest = content.split(b"\n")
        records = [_record(line) for line in lines]
        self.records = [each for each in records if each is not None]
        # A last line without its end was never acknowledged. Anything else was.
        self.is_damaged = len(self.records) < len(records)
        if rest:
            _logger.warning("%s ends in the middle of a record that nobody relied on", path)

    def put_aside(self, records: Sequence[bytes]) -> None:
        """Have records of it in a file of their own, the same one if that is done again."""
        path = self.path.with_suffix(REFUSED_SUFFIX)
        _logger.error("%d records of %s are kept in %s", len(records), self.path.name, path)
        handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, PRIVATE_FILE_MODE)
        try:
            _write_whole(handle, b"".join(map(_line, records)))
        finally:
            os.close(handle)
        _sync_folder(path.parent)

    def remove(self) -> None:
        """Have done with it. What could not be read stays, beside the others."""
        if self.is_damaged:
            _logger.error("%s has damaged records and is kept as %s", self.path, DAMAGED_SUFFIX)
            self.path.rename(self.path.with_suffix(DAMAGED_SUFFIX))
        else:
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave it to others."""
        os.close(self._handle)


class Spool:
    """A folder of segments, no larger than a limit. Any thread may use it."""

    def __init__(self, folder: Path, bytes_max: int = SPOOL_BYTES_MAX) -> None:
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        self.folder = folder
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._current: tuple[Path, int] | None = None
        self._own: set[Path] = set()
        self.byte_count = sum(path.stat().st_size for path in folder.glob("*" + SUFFIX))
        """Of all segments."""

    def append(self, records: Sequence[bytes]) -> bool:
        """Write records to the disk, all of them or, where there is no room, none.

        Raises:
            OSError: the disk refused; some of them are there if it refuses to forget them, too.
        """
        content = b"".join(map(_line, records))
        with self._lock:
            if self.byte_count + len(content) > self._bytes_max:
                return False
            try:
                self._write(content)
            except OSError:
                # Half a record may be the last of its segment, never in the middle of one.
                self._end_current()
                raise
            self.byte_count += len(content)
        return True

    def take(self) -> list[Segment]:
        """Every segment of this process, and those that nobody else has; the oldest first."""
        with self._lock:
            self._end_current()
        taken = (self._taken(path) for path in sorted(self.folder.glob("*" + SUFFIX)))
        return [segment for segment in taken if segment is not None]

    def remove(self, segment: Segment, refused: Sequence[bytes] = ()) -> None:
        """Have done with a segment that was taken; records that nobody took are put aside."""
        if refused:
            segment.put_aside(refused)
        segment.remove()
        with self._lock:
            self.byte_count -= segment.byte_count
            self._own.discard(segment.path)

    def _write(self, content: bytes) -> None:
        if self._current is None:
            self._current = self._new_segment()
        _, handle = self._current
        size = os.fstat(handle).st_size
        try:
            _write_whole(handle, content)
        except OSError:
            # Nobody is told what is in them.
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise

    def _new_segment(self) -> tuple[Path, int]:
        path = self.folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY
        handle = os.open(path, flags, PRIVATE_FILE_MODE)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._own.add(path)
        _sync_folder(self.folder)
        return path, handle

    def _end_current(self) -> None:
        if self._current is not None:
            os.close(self._current[1])
            self._current = None

    def _taken(self, path: Path) -> Segment | None:
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Segment(path, handle, path in self._own)
        except (BlockingIOError, FileNotFoundError):
            os.close(handle)
            return None


def _write_whole(handle: int, content: bytes) -> None:
    """Have all of it on the disk."""
    while content:
        content = content[os.write(handle, content) :]
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    """Have the names of its files on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(record: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(record), record)


def _record(line: bytes) -> bytes | None:
    """The record of a line; None when it is not the one that was written."""
    checksum, _, record = line.partition(b" ")
    return record if checksum == b"%08x" % zlib.crc32(record) else None
