"""The sessions of the database: what concurrent requests make of them is committed together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy.exc import IntegrityError

from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.limits import CallToAdmit
from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.reused_id import is_of_another_call
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
from services.rating.usecases.charging.reused_ids import FormerSessions
from services.rating.usecases.charging.settle_sessions import SettledSession, settle_sessions
from services.rating.usecases.charging.tenant_groups import TenantGroups
from services.rating.usecases.tariffs import Tariffs

CHANGES_PER_TRANSACTION_MAX = 500
# Whoever wants to begin a call waits no longer than it takes to settle so many.
CLOSINGS_PER_TRANSACTION_MAX = 64
# A batch of ends costs as much as ten ends, here and wherever its events are heard: it has one for
# each partition. A dial plan waits 250 ms for its answer.
CLOSINGS_APART_SECONDS = 0.1
# About 1.5 KB each.
SESSIONS_IN_MEMORY_MAX = 50_000
# Another transaction can be first with a session once; then it is there.
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
    call: ChargedCall | None = None
    """Which call wants to begin: it gets an id anew that a session had which is over."""


Done = TypeVar("Done")


class SessionBook:
    """Sessions, changed under their row locks. A change may be decided more than once."""

    def __init__(self, database: Database, tariffs: Tariffs) -> None:
        self._database = database
        self._tariffs = tariffs
        self._recent: OrderedDict[tuple[str, str], Session] = OrderedDict()
        self._changes: TenantGroups[Change, Session | None] = TenantGroups(
            self._change_all, CHANGES_PER_TRANSACTION_MAX
        )
        self._closings: TenantGroups[CloseRequest, SettledSession] = TenantGroups(
            self._close_all, CLOSINGS_PER_TRANSACTION_MAX, CLOSINGS_APART_SECONDS
        )

    async def change(self, tenant_id: str, change: Change) -> Session | None:
        """What became of the session, once that is committed. Raises what the change decides."""
        session = await self._changes.do(tenant_id, change)
        if session is not None:
            self._remember(session)
        return session

    async def close(self, tenant_id: str, request: CloseRequest) -> SettledSession:
        """Settle the call of a session.

        Raises:
            DomainError: UNKNOWN_SESSION, UNKNOWN_ACCOUNT.
        """
        settled = await self._closings.do(tenant_id, request)
        self._recent.pop((tenant_id, request.session_id), None)
        return settled

    async def find(self, tenant_id: str, session_id: str) -> Session | None:
        """A session as it is; None when there is none."""
        return await self._database.read(
            lambda connection: find_session(connection, tenant_id, session_id)
        )

    async def call_of(self, tenant_id: str, session_id: str) -> ChargedCall | None:
        """The call that a session was of when it was here last."""
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

    async def _change_all(
        self, tenant_id: str, changes: Sequence[Change]
    ) -> list[Session | DomainError | None]:
        return await self._write(lambda uow: _Changing(uow, tenant_id, self._recent).apply(changes))

    async def _close_all(
        self, tenant_id: str, requests: Sequence[CloseRequest]
    ) -> list[SettledSession | DomainError]:
        """Ends in transactions of their own: they take longer, and no grant waits for them."""
        return await self._write(
            lambda uow: settle_sessions(uow, self._tariffs, tenant_id, requests, self._recent)
        )

    async def _write(self, work: Callable[[UnitOfWork], list[Done]]) -> list[Done]:
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return await self._database.write(work)
            except IntegrityError:
                # Somebody else was first with one of the new sessions.
                continue
        return await self._database.write(work)


class _Changing:
    """A batch of changes in its transaction."""

    def __init__(self, uow: UnitOfWork, tenant_id: str, recent: RecentSessions) -> None:
        self._uow = uow
        self._tenant_id = tenant_id
        self._recent = recent

    def apply(self, changes: Sequence[Change]) -> list[Session | DomainError | None]:
        ids = [change.session_id for change in changes]
        locked = lock_sessions(self._uow.connection, self._tenant_id, ids, self._recent)
        former = FormerSessions(self._uow.connection, _over(locked, changes))
        known = {key: each for key, each in locked.items() if key not in former}
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
            if session is not None:
                session = next_version(before, session) if before else former.followed_by(session)
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


def _over(known: Mapping[str, Session], changes: Iterable[Change]) -> list[Session]:
    """Sessions whose ids other calls are given now."""
    calls = {each.session_id: each.call for each in changes if each.call is not None}
    return [each for key, each in known.items() if is_of_another_call(each, calls.get(key))]
