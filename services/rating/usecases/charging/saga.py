"""The steps of a session between rating and payment: what is committed between which messages.

        open, extend                                             close
    A   the session has an intent           (transaction)    1   the call is settled, its units are
        and its bundle units                                     given back, CallsRated has the hold
    B   holds of all levels, or a refusal   (payment)            (transaction)
        and what undoes the others          (payment)        2   the holds are captured (payment)
    C   the session has its answer          (transaction)

Every step follows from what is stored before it and has ids of its own, so that whoever repeats
it, repeats the same. After a crash between A and C the intent is taken up where it was left: by a
switch that asks again, or by the repair, which refuses an open that nobody waits for any more and
gives back what it holds. After 1, payment hears of the charge by the event. What nobody repeats,
ends by itself: holds and sessions expire. No close waits for 2: it is answered by what 1 stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from kernel.e164 import NumberKind
from services.rating.domain.charging.answer import Answer, Reason
from services.rating.domain.charging.authorising import Basis, extended, finished, opened
from services.rating.domain.charging.call_prices import CallPrices
from services.rating.domain.charging.holds import releases_of, steps_back, steps_of
from services.rating.domain.charging.limits import CallToAdmit
from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from services.rating.domain.charging.session import Session, SessionState, expired
from services.rating.domain.charging.standing import answer_to_extend, answer_to_open
from services.rating.domain.charging.transfers import StepResult, TransferStep
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.usecases.charging.funds import Funds
from services.rating.usecases.charging.session_book import Change, SessionBook
from services.rating.usecases.charging.session_prices import SessionPrices

_logger = logging.getLogger(__name__)


class Saga:
    """Takes requests through their steps."""

    def __init__(self, book: SessionBook, funds: Funds, prices: SessionPrices) -> None:
        self._book = book
        self._funds = funds
        self._prices = prices
        self._ending: set[asyncio.Task[None]] = set()

    async def open(self, tenant_id: str, asked: OpenRequest) -> Answer:
        """Steps A to C of a call that wants to begin. Raises SESSION_CONFLICT."""
        request = asked
        if not asked.call.account_id:
            request = replace(asked, call=await self._prices.located(tenant_id, asked.call))
        basis = await self._prices.basis(tenant_id, request.call)

        def decide(known: Session | None, counters: CounterBook, limit: Reason) -> Session:
            return opened(known, tenant_id, request, basis, counters, limit)

        admitted = admission(tenant_id, request)
        change = Change(request.session_id, decide, _keys(basis), admitted, request.call)
        session = _there(await self._book.change(tenant_id, change))
        return answer_to_open(
            await self.take_on(session, basis if session.call == request.call else None)
        )

    async def extend(self, tenant_id: str, request: ExtendRequest) -> Answer:
        """Steps A to C of a call that wants to go on. Raises SEQUENCE_TOO_OLD."""
        while True:
            session = await self._extended(tenant_id, request)
            # An intent that was found there had to come to its end first.
            if session is None or not session.is_live or session.sequence >= request.sequence:
                return answer_to_extend(session, request)

    async def _extended(self, tenant_id: str, request: ExtendRequest) -> Session | None:
        """The session that wants to go on; as it was if its id is another call's by now."""
        call = await self._book.call_of(tenant_id, request.session_id)
        if call is None:
            return None
        basis = await self._prices.basis(tenant_id, call)

        def decide(known: Session | None, counters: CounterBook, _: Reason) -> Session | None:
            if known is None or known.call != call:
                return known
            return extended(known, request, basis, counters)

        change = Change(request.session_id, decide, _keys(basis))
        session = await self._book.change(tenant_id, change)
        if session is None:
            return None
        return await self.take_on(session, basis if session.call == call else None)

    async def close(self, tenant_id: str, asked: CloseRequest) -> Answer:
        """Step 1 of a call that has ended, and the begin of step 2.

        Raises:
            DomainError: UNKNOWN_SESSION, UNKNOWN_ACCOUNT.
        """
        request = asked
        if asked.call is not None:
            request = replace(asked, call=await self._prices.located(tenant_id, asked.call))
        settled = await self._book.close(tenant_id, request)
        if settled.steps:
            ending = asyncio.create_task(self._end_holds(tenant_id, settled.steps))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        return settled.answer

    async def take_on(self, session: Session, known_basis: Basis | None = None) -> Session:
        """The session once the intent that it has, if any, has come to its end: steps B and C."""
        intent = session.intent
        if intent is None or not session.is_live:
            return session
        tenant_id = session.tenant_id
        basis = known_basis or await self._prices.basis(tenant_id, session.call)
        results = await self._execute(tenant_id, steps_of(session))
        await self._execute(tenant_id, steps_back(session, results))

        def decide(known: Session | None, counters: CounterBook, _: Reason) -> Session | None:
            return known and finished(known, intent.sequence, results, basis, counters)

        change = Change(session.session_id, decide, _keys(basis))
        after = _there(await self._book.change(tenant_id, change))
        if not after.is_live:
            # It ended meanwhile, or came to nothing: what was just held is nobody's.
            await self._execute(tenant_id, releases_of(session, results))
        return after

    async def end(self, session: Session) -> None:
        """Let a session whose time is over expire; one that is still opening comes to nothing."""
        if session.state is SessionState.OPENING:
            await self.take_on(session)
            return
        moment = self._prices.now_micros()

        def decide(known: Session | None, counters: CounterBook, _: Reason) -> Session | None:
            return known and expired(known, moment, counters)

        await self._book.change(session.tenant_id, Change(session.session_id, decide))

    async def finish(self) -> None:
        """Wait until cancelled, then for the holds that are on their way to their ends."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.gather(*self._ending)

    async def _end_holds(self, tenant_id: str, steps: Sequence[TransferStep]) -> None:
        try:
            await self._funds.execute(tenant_id, steps)
        except FundsUnavailableError as error:
            # CallsRated tells payment the same.
            _logger.warning("%s holds are ended by the event: %s", len(steps), error)
        except Exception:
            # Nobody waits for it but the end of the replica, which it must not stop.
            _logger.exception("%s holds are ended by the event", len(steps))

    async def _execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        return await self._funds.execute(tenant_id, steps) if steps else []


def admission(tenant_id: str, request: OpenRequest) -> CallToAdmit:
    """A call that wants to begin, as limits count it."""
    call = request.call
    return CallToAdmit(
        tenant_id,
        request.session_id,
        call.account_id,
        call.line,
        call.trunk,
        call.callee.kind is NumberKind.EMERGENCY,
    )


def _keys(basis: Basis) -> frozenset[CounterKey]:
    prices = basis.prices
    return prices.counter_keys if isinstance(prices, CallPrices) else frozenset()


def _there(session: Session | None) -> Session:
    assert session is not None, "sessions that were written are kept as long as their calls last"
    return session
