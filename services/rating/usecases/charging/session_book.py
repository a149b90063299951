"""The sessions of the database: what concurrent requests make of them is committed together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.limits import CallToAdmit
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import Session, next_version
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.store.call_limits import admit_calls, release_calls
from services.rating.store.counters import lock_counters, read_counters, save_counters
from services.rating.store.sessions import (
    find_session,
    insert_sessions,
    live_sessions,
    lock_sessions,
    sessions_due,
    update_sessions,
)
from services.rating.usecases.charging.settle_sessions import Closing, Settled, settle_sessions
from services.rating.usecases.charging.tenant_groups import TenantGroups
from services.rating.usecases.tariffs import Tariffs

ITEMS_PER_TRANSACTION_MAX = 500
# About 1.5 KB each.
SESSIONS_IN_MEMORY_MAX = 50_000
# Another replica can be first with a session once; then it is there.
ATTEMPTS_MAX = 5

RecentSessions = Mapping[tuple[str, str], Session]
"""Sessions as they were stored last here, by tenant and id."""


class Change(NamedTuple):
    """What is to be made of one session, by what the transaction sees of it."""

    session_id: str
    decide: Callable[[Session | None, CounterBook, Reason], Session | None]
    """Of the session as it is, the counters, and why the call must not begin."""
    counter_keys: frozenset[CounterKey] = frozenset()
    """Of which counters it may take."""
    admission: CallToAdmit | None = None
    """To be counted against limits if the session is new."""


_Done = Session | Settled | DomainError | None


class SessionBook:
    """Sessions, changed under their row locks. A change may be decided more than once."""

    def __init__(self, database: Database, tariffs: Tariffs) -> None:
        self._database = database
        self._tariffs = tariffs
        self._recent: OrderedDict[tuple[str, str], Session] = OrderedDict()
        self._work: TenantGroups[Change | Closing, Session | Settled | None] = TenantGroups(
            self._work_on, ITEMS_PER_TRANSACTION_MAX
        )

    async def change(self, tenant_id: str, change: Change) -> Session | None:
        """What became of the session, once that is committed. Raises what the change decides."""
        session = await self._work.do(tenant_id, change)
        assert not isinstance(session, Settled), "a change makes a session"
        if session is not None:
            self._remember(session)
        return session

    async def close(self, tenant_id: str, closing: Closing) -> Settled:
        """Settle the call of a session.

        Raises:
            DomainError: UNKNOWN_SESSION, UNKNOWN_ACCOUNT.
        """
        settled = await self._work.do(tenant_id, closing)
        assert isinstance(settled, Settled), "a closing settles"
        self._recent.pop((tenant_id, closing.request.session_id), None)
        return settled

    async def find(self, tenant_id: str, session_id: str) -> Session | None:
        """A session as it is; None when there is none."""
        return await self._database.read(
            lambda connection: find_session(connection, tenant_id, session_id)
        )

    async def call_of(self, tenant_id: str, session_id: str) -> ChargedCall | None:
        """The call that a session is of; it never changes."""
        session = self._recent.get((tenant_id, session_id))
        if session is None:
            session = await self.find(tenant_id, session_id)
        return None if session is None else session.call

    def _remember(self, session: Session) -> None:
        """Keep a session that goes on as it was just stored; a transaction compares its version."""
        key = session.tenant_id, session.session_id
        if not session.is_live:
            self._recent.pop(key, None)
            return
        self._recent[key] = session
        while len(self._recent) > SESSIONS_IN_MEMORY_MAX:
            self._recent.popitem(last=False)

    async def live(
        self, tenant_id: str, account_id: str, before: tuple[int, str] | None, limit: int
    ) -> list[Session]:
        """A page of the sessions whose calls are going on, the newest first."""
        return await self._database.read(
            lambda connection: live_sessions(connection, tenant_id, account_id, before, limit)
        )

    async def counters(self, session: Session, keys: Collection[CounterKey]) -> CounterBook:
        """Counters as if a session had taken nothing of them yet."""
        if not keys:
            return CounterBook()
        counters = CounterBook(
            await self._database.read(
                lambda connection: read_counters(connection, session.tenant_id, keys)
            )
        )
        counters.give_back(session.reserved)
        return counters

    async def due(self, now: datetime, limit: int) -> list[Session]:
        """Sessions of any tenant about which something is to be done."""
        return await self._database.read(lambda connection: sessions_due(connection, now, limit))

    async def _work_on(self, tenant_id: str, items: Sequence[Change | Closing]) -> Sequence[_Done]:
        def work(uow: UnitOfWork) -> list[_Done]:
            return self._apply(uow, tenant_id, items)

        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return await self._database.write(work)
            except IntegrityError:
                # Another replica was first with one of the new sessions.
                continue
        return await self._database.write(work)

    def _apply(
        self, uow: UnitOfWork, tenant_id: str, items: Sequence[Change | Closing]
    ) -> list[_Done]:
        """Changes and ends in one transaction: fewer commits for all."""
        changes = [each for each in items if isinstance(each, Change)]
        closings = [each for each in items if isinstance(each, Closing)]
        changed: Iterator[_Done] = iter(())
        settled: Iterator[_Done] = iter(())
        if changes:
            changed = iter(_Changing(uow, tenant_id, self._recent).apply(changes))
        if closings:
            settled = iter(settle_sessions(uow, self._tariffs, tenant_id, closings, self._recent))
        return [next(changed if isinstance(each, Change) else settled) for each in items]


class _Changing:
    """A batch of changes in its transaction."""

    def __init__(self, uow: UnitOfWork, tenant_id: str, recent: RecentSessions) -> None:
        self._uow = uow
        self._tenant_id = tenant_id
        self._recent = recent

    def apply(self, changes: Sequence[Change]) -> list[Session | DomainError | None]:
        ids = [change.session_id for change in changes]
        known = lock_sessions(self._uow.connection, self._tenant_id, ids, self._recent)
        limits = self._admit(changes, known)
        counters = self._counters(changes, known)
        sessions: dict[str, Session | None] = dict(known)
        results: list[Session | DomainError | None] = []
        for change in changes:
            session_id = change.session_id
            try:
                limit = limits.get(session_id, Reason.NONE)
                before = sessions.get(session_id)
                session = change.decide(before, counters, limit)
            except DomainError as error:
                results.append(error)
                continue
            if before is not None and session is not None:
                session = next_version(before, session)
            sessions[session_id] = session
            results.append(session)
        self._save(known, (each for each in sessions.values() if each is not None))
        save_counters(self._uow.connection, self._tenant_id, counters.changed())
        return results

    def _admit(self, changes: Sequence[Change], known: dict[str, Session]) -> dict[str, Reason]:
        """Which new calls would be one too many."""
        new = {
            change.session_id: change.admission
            for change in changes
            if change.admission is not None and change.session_id not in known
        }
        if not new:
            return {}
        return dict(zip(new, admit_calls(self._uow, list(new.values())), strict=True))

    def _counters(self, changes: Sequence[Change], known: dict[str, Session]) -> CounterBook:
        keys = {key for change in changes for key in change.counter_keys}
        keys.update(use.key for session in known.values() for use in session.reserved)
        if not keys:
            return CounterBook()
        return CounterBook(lock_counters(self._uow.connection, self._tenant_id, keys))

    def _save(self, known: dict[str, Session], sessions: Iterable[Session]) -> None:
        new, changed, ended = [], [], []
        for session in sessions:
            before = known.get(session.session_id)
            if before is None:
                new.append(session)
            elif before is not session:
                changed.append(session)
            if not session.is_live and (before is None or before.is_live):
                ended.append((session.tenant_id, session.session_id))
        insert_sessions(self._uow.connection, new)
        update_sessions(self._uow.connection, changed)
        release_calls(self._uow, ended)
