"""Charging of calls while they run, as the doors of switches call it."""

from __future__ import annotations

from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.charging.answer import Answer
from services.rating.domain.charging.call_prices import CallPrices
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from services.rating.domain.charging.session import Session
from services.rating.domain.errors import not_found
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.usecases.charging.outage import Outages
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.session_book import SessionBook
from services.rating.usecases.charging.session_prices import SessionPrices


class LiveCall(NamedTuple):
    """A session as it stands now."""

    session: Session
    cost_micros: int
    """What its call costs: so far by now, or in the end."""


class Charging:
    """Sessions of any tenant. A refusal is an answer; a malformed request is a DomainError."""

    def __init__(
        self, book: SessionBook, saga: Saga, prices: SessionPrices, outages: Outages
    ) -> None:
        self._book = book
        self._saga = saga
        self._prices = prices
        self._outages = outages

    async def open(self, tenant_id: str, request: OpenRequest, deadline_seconds: float) -> Answer:
        """May a call begin, and for how long?

        Raises:
            DomainError: SESSION_CONFLICT.
        """
        return await self._outages.answered(
            tenant_id, request, deadline_seconds, lambda: self._saga.open(tenant_id, request)
        )

    async def extend(
        self, tenant_id: str, request: ExtendRequest, deadline_seconds: float
    ) -> Answer:
        """May a call go on?

        Raises:
            DomainError: SEQUENCE_TOO_OLD.
        """
        return await self._outages.answered(
            tenant_id, request, deadline_seconds, lambda: self._saga.extend(tenant_id, request)
        )

    async def close(self, tenant_id: str, request: CloseRequest, deadline_seconds: float) -> Answer:
        """A call has ended: charge it.

        Raises:
            DomainError: UNKNOWN_SESSION, UNKNOWN_ACCOUNT.
        """
        return await self._outages.answered(
            tenant_id, request, deadline_seconds, lambda: self.close_now(tenant_id, request)
        )

    async def close_now(self, tenant_id: str, request: CloseRequest) -> Answer:
        """Charge a call, or fail: nothing is taken down for later."""
        return await self._saga.close(tenant_id, request)

    async def get(self, tenant_id: str, session_id: str) -> LiveCall:
        """A session. Raises SESSION_NOT_FOUND."""
        session = await self._book.find(tenant_id, session_id)
        if session is None:
            raise not_found("SESSION", session_id)
        return await self._standing(session)

    async def live_calls(
        self, tenant_id: str, account_id: str, before: tuple[int, str] | None, limit: int
    ) -> list[LiveCall]:
        """A page of the calls that are going on, the newest first; `before` is the last one seen.

        An empty account means all.
        """
        sessions = await self._book.live(tenant_id, account_id, before, limit)
        return [await self._standing(session) for session in sessions]

    async def _standing(self, session: Session) -> LiveCall:
        """A session with its cost by now, as long as it has prices."""
        begin = session.begin_micros
        if not session.is_live or begin is None:
            return LiveCall(session, session.cost_micros)
        prices = (await self._prices.basis(session.tenant_id, session.call)).prices
        if not isinstance(prices, CallPrices):
            return LiveCall(session, session.cost_micros)
        counters = await self._book.counters(session, prices.counter_keys)
        seconds = max(0, self._prices.now_micros() - begin) // MICROS_PER_SECOND
        seconds = min(seconds, CALL_DURATION_SECONDS_MAX)
        customer = prices.of(begin, counters)[0]
        return LiveCall(session, customer(seconds).amount_micros if seconds else 0)
