"""The rows of sessions, counters and charges in memory, where rating has tables of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kernel.clock import MS_PER_SECOND, to_micros
from kernel.e164 import NumberKind
from services.rating.domain.charges.settlement import InputKind
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.ended_call import ended_call
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.session import (
    AnswerTerms,
    Session,
    SessionState,
    closed,
    next_version,
)
from services.rating.domain.counters import CounterBook
from services.rating.usecases.charging.ended_sessions import Ending, closed_session, end_of_holds
from services.rating.usecases.charging.session_book import Change
from services.rating.usecases.charging.settle_sessions import SettledSession
from tests.support.simulation.charges import Paid, settle_call
from tests.support.simulation.database import Transaction
from tests.support.simulation.faults import Faults

if TYPE_CHECKING:
    from tests.support.simulation.rating import Rating


class CallRecord(NamedTuple):
    """A call record as cdr passes it on."""

    call: ChargedCall
    seconds: int


class MemorySessions:
    """The rows of sessions, counters and charges; one for each replica, as SessionBook is."""

    def __init__(self, rating: Rating, faults: Faults) -> None:
        self._rating = rating
        self._database = rating.database
        self._faults = faults

    async def change(self, tenant_id: str, change: Change) -> Session | None:
        """What became of a session."""
        return await self._database.write(self._faults, partial(self._change, change))

    async def close(self, tenant_id: str, request: CloseRequest) -> SettledSession:
        """Settle the call of a session."""
        return await self._database.write(self._faults, partial(self._close, tenant_id, request))

    async def find(self, tenant_id: str, session_id: str) -> Session | None:
        """A session as it is."""
        return await self._database.read(self._faults, lambda rows: rows.get("session", session_id))

    async def call_of(self, tenant_id: str, session_id: str) -> ChargedCall | None:
        """The call that a session is of."""
        session = await self.find(tenant_id, session_id)
        return None if session is None else session.call

    async def record(self, tenant_id: str, record: CallRecord) -> None:
        """Settle a call by its record, and end the session that it had."""
        await self._database.write(self._faults, partial(self._record, tenant_id, record))

    def _change(self, change: Change, transaction: Transaction) -> Session | None:
        before = transaction.get("session", change.session_id)
        counters = _counters(transaction)
        after = change.decide(before, counters, Reason.NONE)
        if after is not None and before is not None:
            after = next_version(before, after)
        self._save(transaction, before, after, counters)
        return after

    def _close(
        self, tenant_id: str, request: CloseRequest, transaction: Transaction
    ) -> SettledSession:
        known: Session | None = transaction.get("session", request.session_id)
        if known is not None and known.state is SessionState.CLOSED:
            assert known.answer is not None
            return SettledSession(known.answer, ())
        ended = ended_call(known, request)
        fresh = Session(tenant_id, request.session_id, ended.call, SessionState.ACTIVE)
        session = known or fresh
        seconds = -(-ended.duration_ms // MS_PER_SECOND) if ended.is_answered else 0
        terms = AnswerTerms(DEFAULT_POLICY, to_micros(self._rating.world.now()))
        counters = _counters(transaction)
        counters.give_back(session.reserved)
        charge, held = self._settle(transaction, counters, session, seconds, InputKind.SESSION_END)
        ending = Ending.of(session, ended, is_chargeable=True, is_new=known is None)
        after = next_version(session, closed_session(ending, cast(Any, charge), terms))
        self._save(transaction, known, after, counters)
        assert after.answer is not None
        paid: Any = {each.hold_key: each for each in held if each.hold_id}
        return SettledSession(after.answer, list(end_of_holds(session, paid)))

    def _record(self, tenant_id: str, record: CallRecord, transaction: Transaction) -> None:
        key = record.call.call_key
        session: Session | None = transaction.get("session", key)
        if session is not None and session.state is SessionState.REFUSED:
            session = None
        counters = _counters(transaction)
        if session is not None:
            counters.give_back(session.reserved)
        of_call = session or Session(tenant_id, key, record.call, SessionState.ACTIVE)
        kind = InputKind.CALL_RECORD
        charge, _ = self._settle(transaction, counters, of_call, record.seconds, kind)
        after = session
        if session is not None and session.state is not SessionState.CLOSED and charge is not None:
            terms = AnswerTerms(DEFAULT_POLICY, to_micros(self._rating.world.now()))
            ended = closed(session, charge.charge_id, charge.amount_micros, terms)
            after = next_version(session, ended)
        self._save(transaction, session, after, counters)

    def _settle(
        self,
        transaction: Transaction,
        counters: CounterBook,
        session: Session,
        seconds: int,
        kind: InputKind,
    ) -> tuple[Any, list[Paid]]:
        if session.call.callee.kind is NumberKind.EMERGENCY:
            return None, []
        charge, held = settle_call(
            transaction, counters, self._rating.prices, session, seconds, kind
        )
        transaction.facts.extend(partial(self._rating.published, each) for each in held)
        return charge, held

    def _save(
        self,
        transaction: Transaction,
        before: Session | None,
        after: Session | None,
        counters: CounterBook,
    ) -> None:
        for key, state in counters.changed().items():
            transaction.put("counter", key, row=state)
        if after is None or after is before:
            return
        transaction.put("session", after.session_id, row=after)
        transaction.facts.append(partial(self._rating.changed, before, after))


def _counters(transaction: Transaction) -> CounterBook:
    return CounterBook({key[0]: state for key, state in transaction.rows("counter")})
