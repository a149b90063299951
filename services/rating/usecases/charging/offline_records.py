"""Keeps what was answered in an outage: on disk at once, in the database as soon as it answers.

Each answer is stored once, by its session and sequence: a segment that was stored and not removed,
because the process was killed in between, changes nothing when it is read again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.group_commit import GroupCommit
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Verdict
from services.rating.domain.charging.offline import FundsUnavailableError, OfflineAnswer
from services.rating.domain.charging.requests import CloseRequest
from services.rating.store.offline_answers import keep_offline_answers
from services.rating.store.spool import SPOOL_BYTES_MAX, Segment, Spool
from services.rating.usecases.charging.adopt_offline import adopt_offline
from services.rating.usecases.charging.offline_document import from_document, to_document
from services.rating.usecases.charging.saga import Saga

# Refusals leave room for what is to be paid.
REFUSAL_BYTES_MAX = SPOOL_BYTES_MAX // 2
RECORDS_PER_WRITE_MAX = 500
ANSWERS_PER_TRANSACTION_MAX = 500
RETRY_SECONDS = 0.5

_logger = logging.getLogger(__name__)


class _Taken(NamedTuple):
    """A segment on its way to the database."""

    segment: Segment
    answers: Sequence[OfflineAnswer]


class OfflineRecords:
    """The answers in outages of this replica, and those that an earlier process left."""

    def __init__(self, database: Database, saga: Saga, spool: Spool) -> None:
        self._database = database
        self._saga = saga
        self._spool = spool
        self._writes: GroupCommit[bytes, bool] = GroupCommit(self._write, RECORDS_PER_WRITE_MAX)
        self._taken: list[_Taken] = []
        # How many answers of a session are not in the database yet.
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._feeding = asyncio.Lock()
        self._feed: asyncio.Task[None] | None = None
        self._is_woken = asyncio.Event()
        self._is_woken.set()

    async def keep(self, offline: OfflineAnswer) -> bool:
        """Have an answer on disk; tells whether it is, so that it may be given."""
        if offline.answer.verdict is Verdict.REFUSED and self._spool.byte_count > REFUSAL_BYTES_MAX:
            return False
        session = Counter([_session(offline)])
        # Before it is written: what stores it subtracts it.
        self._waiting += session
        is_kept = await self._writes.do(to_document(offline))
        if is_kept:
            self._is_woken.set()
        else:
            self._waiting -= session
        return is_kept

    async def stored(self, tenant_id: str, session_id: str) -> None:
        """Wait until the database has every answer to a session. Raises as the database does."""
        if self._waiting[tenant_id, session_id]:
            if self._feed is None:
                self._feed = asyncio.create_task(self.feed())
                self._feed.add_done_callback(self._fed)
            await asyncio.shield(self._feed)

    async def watch(self) -> None:
        """Store what is on disk whenever there is something, until cancelled."""
        while True:
            await self._is_woken.wait()
            self._is_woken.clear()
            try:
                await self.feed()
            except (*DATABASE_ERRORS, FundsUnavailableError):
                _logger.warning("answers in the outage are stored later", exc_info=True)
                self._is_woken.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def feed(self) -> None:
        """Store all that is on disk by now. Raises as the database does."""
        async with self._feeding:
            for segment in await asyncio.to_thread(self._spool.take):
                self._take_up(segment)
            while self._taken:
                await self._store(self._taken[0])
                del self._taken[0]

    def _take_up(self, segment: Segment) -> None:
        answers = [from_document(record) for record in segment.records]
        if not segment.is_own:
            self._waiting.update(map(_session, answers))
        self._taken.append(_Taken(segment, answers))

    async def _store(self, taken: _Taken) -> None:
        answers = taken.answers
        for begin in range(0, len(answers), ANSWERS_PER_TRANSACTION_MAX):
            await self._settle(answers[begin : begin + ANSWERS_PER_TRANSACTION_MAX])
        await asyncio.to_thread(self._spool.remove, taken.segment)
        self._waiting -= Counter(map(_session, answers))

    async def _settle(self, answers: Sequence[OfflineAnswer]) -> None:
        """Have sessions go on with what they were allowed, then end those that have ended."""
        ends = [each for each in answers if isinstance(each.request, CloseRequest)]
        await self._adopt([each for each in answers if not isinstance(each.request, CloseRequest)])
        for each in ends:
            await self._close(each)
        await self._adopt(ends)

    async def _adopt(self, answers: Sequence[OfflineAnswer]) -> None:
        def work(uow: UnitOfWork) -> None:
            new = keep_offline_answers(uow, answers)
            adopt_offline(uow, [each for each in new if each.answer.verdict is Verdict.GRANTED])

        try:
            await self._database.write(work)
        except IntegrityError:
            # Another replica was first with one of the sessions; now it is there.
            await self._database.write(work)

    async def _close(self, offline: OfflineAnswer) -> None:
        assert isinstance(offline.request, CloseRequest)
        try:
            await self._saga.close(offline.tenant_id, offline.request)
        except DomainError as refused:
            # As its switch would have heard; the record of the call charges it.
            _logger.error("the end of %s in the outage: %s", offline.request.session_id, refused)

    async def _write(self, records: Sequence[bytes]) -> list[bool]:
        try:
            is_written = await asyncio.to_thread(self._spool.append, records)
        except OSError:
            _logger.exception("answers in an outage cannot be kept on disk")
            is_written = False
        return [is_written] * len(records)

    def _fed(self, feed: asyncio.Task[None]) -> None:
        self._feed = None
        # Whoever waited has heard; the background tries again.
        if not feed.cancelled() and feed.exception() is not None:
            self._is_woken.set()


def _session(offline: OfflineAnswer) -> tuple[str, str]:
    return offline.tenant_id, offline.request.session_id
