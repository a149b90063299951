"""Commits records that switches push one by one together: what waits goes into one transaction."""

from collections.abc import Sequence
from functools import lru_cache, partial

from chassis.database.engine import Database
from chassis.group_commit import GroupCommit
from services.cdr.domain.records import RawRecord
from services.cdr.domain.source import Source
from services.cdr.usecases.collect_records import Result, collect_records
from services.cdr.usecases.reading import READERS_CACHED_MAX, read_records

RECORDS_PER_COMMIT_MAX = 1_000


class PushedRecords:
    """Gathers the records of each source while the transaction of those before is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commits_of = lru_cache(maxsize=READERS_CACHED_MAX)(self._commits)

    async def collect(self, source: Source, raw: RawRecord) -> Result:
        """Wait until the record is committed. Raises what the database raises."""
        return await self._commits_of(source).do(raw)

    def _commits(self, source: Source) -> GroupCommit[RawRecord, Result]:
        return GroupCommit(partial(self._commit, source), RECORDS_PER_COMMIT_MAX)

    async def _commit(self, source: Source, raws: Sequence[RawRecord]) -> list[Result]:
        return await self._database.write(
            lambda uow: collect_records(uow, source, read_records(source, raws, uow.now))
        )
