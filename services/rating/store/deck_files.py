"""Compiled decks as files of this process, mapped into memory and shared by all its threads."""

import hashlib
import logging
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.snapshot import DamagedSnapshotError

BYTES_MAX = 512 * 1024 * 1024
PRIVATE_FOLDER_MODE = 0o700
SUFFIX = ".deck"
UNFINISHED_SUFFIX = ".new"

_logger = logging.getLogger(__name__)


class StoredSnapshot(NamedTuple):
    """What a version's file is made from, and known by."""

    digest: str
    """SHA-256, hexadecimal."""
    chunks: Iterable[bytes]


class _File(NamedTuple):
    byte_count: int
    table: PrefixTable | None
    """None for what an earlier process left and nobody has asked for."""


class DeckFiles:
    """The tables of versions, each by a key of its own; the least recently used go to make room.

    The folder belongs to this process. A file that an earlier one left there is used when its
    digest is right and fetched again when it is not. Who still looks numbers up in a file that is
    removed goes on doing so.
    """

    def __init__(self, folder: Path | None = None, bytes_max: int = BYTES_MAX) -> None:
        """Use a folder; without one, a temporary one that goes with this object."""
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="rate-decks-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = folder
        self._bytes_max = bytes_max
        self._files = _left_files(folder)
        self._lock = threading.Lock()
        self._fetching = threading.Lock()

    def table(self, key: str, stored: Callable[[], StoredSnapshot]) -> PrefixTable:
        """The table of a key; what is stored is asked for when it is not open yet.

        Raises:
            DamagedSnapshotError: what is stored is not what its digest says.
        """
        table = self.opened(key)
        if table is None:
            # One thread fetches; others wait for it only if their deck is not open either.
            with self._fetching:
                table = self.opened(key)
                if table is None:
                    table = self._open(key, stored())
        return table

    def opened(self, key: str) -> PrefixTable | None:
        """The table of a key if it is open already."""
        with self._lock:
            file = self._files.get(key)
            if file is None or file.table is None:
                return None
            self._files.move_to_end(key)
            return file.table

    def _open(self, key: str, stored: StoredSnapshot) -> PrefixTable:
        path = self._path(key)
        if not (path.exists() and _digest_of(path) == stored.digest):
            _write(path, stored)
        table = open_table(path)
        with self._lock:
            self._files[key] = _File(path.stat().st_size, table)
            self._files.move_to_end(key)
            self._make_room()
        return table

    def _make_room(self) -> None:
        byte_count = sum(file.byte_count for file in self._files.values())
        while byte_count > self._bytes_max and len(self._files) > 1:
            key, file = self._files.popitem(last=False)
            self._path(key).unlink(missing_ok=True)
            byte_count -= file.byte_count

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def open_table(path: Path) -> PrefixTable:
    """Map a file and look numbers up in it; raises DamagedSnapshotError."""
    with path.open("rb") as file:
        return PrefixTable(mmap(file.fileno(), 0, access=ACCESS_READ))


def _left_files(folder: Path) -> OrderedDict[str, _File]:
    """What an earlier process has left, the oldest first; what it has not finished is removed."""
    for unfinished in folder.glob(f"*{UNFINISHED_SUFFIX}"):
        unfinished.unlink()
    found = [(path, path.stat()) for path in folder.glob(f"*{SUFFIX}")]
    found.sort(key=lambda each: each[1].st_mtime_ns)
    return OrderedDict((path.stem, _File(stat.st_size, None)) for path, stat in found)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, stored: StoredSnapshot) -> None:
    """Make the file, whole or not at all."""
    if path.exists():
        _logger.warning("%s is damaged; it is fetched again", path.name)
    unfinished = path.with_suffix(UNFINISHED_SUFFIX)
    digest = hashlib.sha256()
    with unfinished.open("wb") as file:
        for chunk in stored.chunks:
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != stored.digest:
        unfinished.unlink()
        raise DamagedSnapshotError(f"the stored snapshot of {path.stem} is damaged")
    unfinished.replace(path)
