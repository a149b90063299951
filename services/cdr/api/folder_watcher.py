"""The watched folder: collects the files of `<tenant>/<source code>/`, as they grow and rotate."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.engine import Database
from kernel.errors import DomainError
from services.cdr.api.watched_file import FoundFile, read_on, starting_point
from services.cdr.config import CdrSettings
from services.cdr.domain.records import RawRecord
from services.cdr.domain.source import Source
from services.cdr.store.files import Checkpoint, forget_files, load_checkpoints
from services.cdr.store.sources import get_source_by_code
from services.cdr.usecases.collect_files import Move, collect_files
from services.cdr.usecases.reading import framer_for

RECORDS_PER_COMMIT = 1_000
FILES_PER_COMMIT_MAX = 500

# Master.csv, its rotations Master.csv.1 and Master.csv-20261123, and <uuid>.cdr.json.
_FILE_NAME = re.compile(r"[^.].*\.(?:csv|json)(?:[.-][0-9]+)?")

_logger = logging.getLogger(__name__)


class FolderWatcher:
    """Polls the folder: that works on every file system, and loses nothing while nobody looks."""

    def __init__(self, database: Database, settings: CdrSettings, folder: Path) -> None:
        self._database = database
        self._settings = settings
        self._folder = folder
        # Files that were read to their end: not looked at again before they change.
        self._settled: dict[Path, set[FoundFile]] = {}
        self._troubles: dict[Path, str] = {}

    async def poll(self) -> None:
        """Collect what is new in every source's folder; trouble in one stops no other."""
        for folder in await asyncio.to_thread(_source_folders, self._folder):
            try:
                await self._collect(folder)
            except DomainError as error:
                self._tell(folder, error.message)
            except (OSError, SQLAlchemyError) as error:
                self._tell(folder, type(error).__name__)
            except Exception:
                _logger.exception("%r not collected", str(folder.relative_to(self._folder)))

    async def _collect(self, folder: Path) -> None:
        found = await asyncio.to_thread(lambda: sorted(_files(folder), key=_age))
        settled = self._settled.get(folder, set())
        if settled.issuperset(found) and len(settled) == len(found):
            return

        def load(connection: Connection) -> tuple[Source, dict[str, Checkpoint]]:
            source = get_source_by_code(connection, folder.parent.name, folder.name)
            return source, load_checkpoints(connection, source.tenant_id, source.source_id)

        source, known = await self._database.read(load)
        await self._forget_gone(source, found, known)
        batch = _Batch(self._database, source)
        for file in found:
            if file not in settled:
                await self._try_reading(batch, file, known.get(file.file_id))
        await batch.commit()
        self._settled[folder] = {file for file in found if batch.is_settled(file, known)}

    async def _try_reading(
        self, batch: "_Batch", found: FoundFile, known: Checkpoint | None
    ) -> None:
        """A file that cannot be read, or is gone meanwhile, keeps no other from being read."""
        try:
            await self._read(batch, found, known)
        except OSError as error:
            self._tell(found.path, type(error).__name__)

    async def _read(self, batch: "_Batch", found: FoundFile, known: Checkpoint | None) -> None:
        with found.path.open("rb") as file:
            start = await asyncio.to_thread(starting_point, file, found, known)
            is_finished = found.is_finished(start, self._settings.watch_finished_after_seconds)
            framer = framer_for(batch.source, found.name)
            pieces = read_on(file, start, framer, is_finished)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await batch.add(piece[0], known, piece[1])

    async def _forget_gone(
        self, source: Source, found: list[FoundFile], known: Mapping[str, Checkpoint]
    ) -> None:
        gone = set(known) - {file.file_id for file in found}
        if gone:
            await self._database.write(
                lambda uow: forget_files(uow.connection, source.tenant_id, source.source_id, gone)
            )

    def _tell(self, path: Path, trouble: str) -> None:
        """Tell a trouble once; the folder or file is tried again at every look."""
        if self._troubles.get(path) != trouble:
            self._troubles[path] = trouble
            _logger.warning("%r not collected: %s", str(path.relative_to(self._folder)), trouble)


class _Batch:
    """Records of several files of a source, committed together with the files' positions."""

    def __init__(self, database: Database, source: Source) -> None:
        self.source = source
        self._database = database
        self._raws: list[RawRecord] = []
        self._moves: dict[str, Move] = {}
        self._committed: dict[str, Checkpoint] = {}

    async def add(self, raws: list[RawRecord], known: Checkpoint | None, after: Checkpoint) -> None:
        before = self._committed.get(after.file_id, known)
        self._moves[after.file_id] = Move(before, after)
        self._raws += raws
        if len(self._raws) >= RECORDS_PER_COMMIT or len(self._moves) >= FILES_PER_COMMIT_MAX:
            await self.commit()

    async def commit(self) -> None:
        if not self._moves:
            return
        raws, moves = self._raws, list(self._moves.values())
        await self._database.write(lambda uow: collect_files(uow, self.source, raws, moves))
        self._committed |= {move.after.file_id: move.after for move in moves}
        self._raws, self._moves = [], {}

    def is_settled(self, found: FoundFile, known: Mapping[str, Checkpoint]) -> bool:
        """Whether the file was read to the end that it had when it was found."""
        checkpoint = self._committed.get(found.file_id) or known.get(found.file_id)
        return checkpoint is not None and checkpoint.position == found.size


def _source_folders(folder: Path) -> list[Path]:
    """The folders that a source may have: no tenant or source has a name that is no text."""
    return sorted(
        path
        for path in folder.glob("*/*")
        if path.is_dir() and not path.is_symlink() and str(path.relative_to(folder)).isprintable()
    )


def _files(folder: Path) -> Iterator[FoundFile]:
    """The files of a source; links are not followed, they might lead out of the folder."""
    for path in folder.iterdir():
        if _FILE_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            yield FoundFile.of(path, path.stat())


def _age(file: FoundFile) -> tuple[int, str]:
    """Oldest first: a rotated file before the one that took its place."""
    return file.modified_nanos, file.path.name
