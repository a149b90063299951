"""Keeps what was answered in an outage: on disk at once, in the database as soon as it answers.

Each answer is stored once, by its session and sequence: a segment that was stored and not removed,
because the process was killed in between, changes nothing when it is read again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from opentelemetry import metrics

from chassis.database.engine import Database
from chassis.group_commit import GroupCommit
from services.rating.domain.charging.answer import Answer, Verdict
from services.rating.domain.charging.offline import (
    FundsUnavailableError,
    OfflineAnswer,
    as_told,
)
from services.rating.store.spool import SPOOL_BYTES_MAX, Segment, Spool
from services.rating.usecases.charging.offline_document import from_document, to_document
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.store_offline import PASSING_ERRORS, OfflineStore

# Refusals leave room for what is to be paid.
REFUSAL_BYTES_MAX = SPOOL_BYTES_MAX // 2
RECORDS_PER_WRITE_MAX = 500
ANSWERS_PER_TRANSACTION_MAX = 500
RETRY_SECONDS = 0.5

PUT_ASIDE = "tollbook.charging.answers.put_aside"

_put_aside = metrics.get_meter("tollbook").create_counter(
    PUT_ASIDE, description="Answers of outages that could not be stored and are kept in files."
)
_logger = logging.getLogger(__name__)


class _Taken:
    """A segment on its way to the database, with what of it can never get there."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.answers: list[OfflineAnswer] = []
        self.refused: list[bytes] = []
        for record in segment.records:
            try:
                self.answers.append(from_document(record))
            except Exception:
                _logger.exception("a record in %s is none that this version knows", segment.path)
                self.refused.append(record)


class _Record:
    """An answer on its way to the disk."""

    def __init__(self, offline: OfflineAnswer, instead: Answer | None) -> None:
        self.offline = offline
        self.refusal = replace(offline, answer=instead) if instead else None
        self.is_awaited = True
        self.is_kept = False


class OfflineRecords:
    """The answers in outages of this replica, and those that an earlier process left."""

    def __init__(self, database: Database, saga: Saga, spool: Spool) -> None:
        self._store = OfflineStore(database, saga)
        self._spool = spool
        self._writes: GroupCommit[_Record, None] = GroupCommit(self._write, RECORDS_PER_WRITE_MAX)
        self._taken: list[_Taken] = []
        # How many answers of a session are not in the database yet.
        self._waiting: Counter[tuple[str, str]] = Counter()
        # An answer that was written too late and its refusal are taken together.
        self._writing = asyncio.Lock()
        self._feeding = asyncio.Lock()
        self._feed: asyncio.Task[None] | None = None
        self._is_woken = asyncio.Event()
        self._is_woken.set()

    async def keep(
        self, offline: OfflineAnswer, seconds: float, instead: Answer | None = None
    ) -> bool:
        """Have an answer on disk in time; tells whether it is, so that it may be given.

        `instead` is what is given otherwise: it is kept should the disk have the answer later.
        """
        if offline.answer.verdict is Verdict.REFUSED and self._spool.byte_count > REFUSAL_BYTES_MAX:
            return False
        record = _Record(offline, instead)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._writes.do(record)
        finally:
            record.is_awaited = False
        return record.is_kept

    async def stored(self, tenant_id: str, session_id: str) -> None:
        """Wait until the database has every answer to a session. Raises PASSING_ERRORS."""
        if self._waiting[tenant_id, session_id]:
            if self._feed is None:
                self._feed = asyncio.create_task(self.feed())
                self._feed.add_done_callback(self._fed)
            try:
                await asyncio.shield(self._feed)
            except OSError as error:
                raise FundsUnavailableError("the disk does not give back its answers") from error

    async def watch(self) -> None:
        """Store what is on disk whenever there is something, until cancelled."""
        while True:
            await self._is_woken.wait()
            self._is_woken.clear()
            try:
                await self.feed()
            except PASSING_ERRORS:
                _logger.warning("answers in the outage are stored later", exc_info=True)
            except Exception:
                # Whatever it is: calls go on, and so does what was written before.
                _logger.exception("answers in the outage cannot be stored; trying again")
            else:
                continue
            self._is_woken.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def feed(self) -> None:
        """Store all that is on disk by now. Raises PASSING_ERRORS, OSError."""
        async with self._feeding:
            # What failed before comes first: an outage leaves one segment, however often it fails.
            await self._store_taken()
            async with self._writing:
                segments = await asyncio.to_thread(self._spool.take)
            self._take_up([_Taken(segment) for segment in segments])
            await self._store_taken()

    def _take_up(self, taken: Sequence[_Taken]) -> None:
        told = iter(as_told([answer for each in taken for answer in each.answers]))
        for each in taken:
            each.answers = list(islice(told, len(each.answers)))
            if not each.segment.is_own:
                self._count(each.answers, 1)
        self._taken += taken

    async def _store_taken(self) -> None:
        while self._taken:
            taken = self._taken[0]
            refused = taken.refused + [to_document(each) for each in await self._stored(taken)]
            await asyncio.to_thread(self._spool.remove, taken.segment, refused)
            if refused:
                _put_aside.add(len(refused))
            self._count(taken.answers, -1)
            del self._taken[0]

    async def _stored(self, taken: _Taken) -> list[OfflineAnswer]:
        """Store the answers of a segment; those that can never be stored."""
        refused: list[OfflineAnswer] = []
        for begin in range(0, len(taken.answers), ANSWERS_PER_TRANSACTION_MAX):
            some = taken.answers[begin : begin + ANSWERS_PER_TRANSACTION_MAX]
            refused += await self._store.store(some)
        return refused

    async def _write(self, records: Sequence[_Record]) -> list[None]:
        async with self._writing:
            is_written = await self._append([each.offline for each in records])
            for each in records:
                each.is_kept = is_written and each.is_awaited
            late = [each.refusal for each in records if is_written and not each.is_kept]
            if refusals := [each for each in late if each]:
                await self._append(refusals)
        return [None] * len(records)

    async def _append(self, answers: Sequence[OfflineAnswer]) -> bool:
        # Before they are written: what stores them subtracts them.
        self._count(answers, 1)
        try:
            documents = [to_document(each) for each in answers]
            is_written = await asyncio.to_thread(self._spool.append, documents)
        except OSError:
            _logger.exception("answers in an outage cannot be kept on disk")
            is_written = False
        if is_written:
            self._is_woken.set()
        else:
            self._count(answers, -1)
        return is_written

    def _count(self, answers: Sequence[OfflineAnswer], step: int) -> None:
        for each in answers:
            session = each.tenant_id, each.request.session_id
            self._waiting[session] += step
            if self._waiting[session] <= 0:
                del self._waiting[session]

    def _fed(self, feed: asyncio.Task[None]) -> None:
        self._feed = None
        # Whoever waited has heard; the background tries again.
        if not feed.cancelled() and feed.exception() is not None:
            self._is_woken.set()
