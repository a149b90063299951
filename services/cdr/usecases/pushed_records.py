"""Commits records that switches push one by one together: what waits goes into one transaction."""

import asyncio
from collections import defaultdict
from typing import NamedTuple

from chassis.database.engine import Database
from services.cdr.domain.records import RawRecord
from services.cdr.domain.source import Source
from services.cdr.usecases.collect_records import Result, collect_records
from services.cdr.usecases.reading import read_records

RECORDS_PER_COMMIT_MAX = 1_000


class _Waiting(NamedTuple):
    """A pushed record and whoever waits for its result."""

    source: Source
    raw: RawRecord
    result: asyncio.Future[Result]


class PushedRecords:
    """Group commit: while one transaction is written, the records of the next one gather."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()

    async def collect(self, source: Source, raw: RawRecord) -> Result:
        """Wait until the record is committed. Raises what the database raises."""
        waiting = _Waiting(source, raw, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.result

    async def run(self) -> None:
        """Commit what arrives until cancelled."""
        while True:
            await self._arrived.wait()
            batch = self._waiting[:RECORDS_PER_COMMIT_MAX]
            self._waiting = self._waiting[RECORDS_PER_COMMIT_MAX:]
            if not self._waiting:
                self._arrived.clear()
            by_source: dict[Source, list[_Waiting]] = defaultdict(list)
            for waiting in batch:
                by_source[waiting.source].append(waiting)
            for source, group in by_source.items():
                await self._commit(source, group)

    async def _commit(self, source: Source, group: list[_Waiting]) -> None:
        raws = [waiting.raw for waiting in group]
        try:
            results = await self._database.write(
                lambda uow: collect_records(uow, source, read_records(source, raws, uow.now))
            )
        except Exception as error:  # noqa: BLE001  whoever waits for the records is told
            for waiting in group:
                if not waiting.result.done():
                    waiting.result.set_exception(error)
            return
        for waiting, result in zip(group, results, strict=True):
            if not waiting.result.done():
                waiting.result.set_result(result)
