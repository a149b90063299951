"""Charges calls while they run, as switches do, over rating's database and payment's holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from chassis.database.engine import DATABASE_ERRORS
from kernel.clock import from_micros, to_micros, utc_now
from kernel.e164 import DialledNumber, NumberKind
from kernel.ids import new_uuid
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import (
    ChargingRequest,
    FundsUnavailableError,
    sequence_of,
)
from services.rating.domain.charging.requests import (
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)
from services.rating.domain.charging.session import Session
from services.rating.domain.charging.transfers import StepResult, TransferStep
from services.rating.usecases.change_watch import ChangeWatch
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.charging.hang_up_session import hang_up_session
from services.rating.usecases.charging.keep_sessions import end_due
from services.rating.usecases.charging.outage import Outages
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.session_book import SessionBook
from services.rating.usecases.charging.session_prices import SessionPrices
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NETHERLANDS
from tests.unit.rating.live_calls import Purse

DEADLINE_SECONDS = 30.0
SIP_CALL_ID = 1
EURO = 10**6
MINUTE = 60_000  # what a minute to the Netherlands costs, in micros


def call_start(call: ChargedCall) -> datetime:
    """When a call began."""
    return from_micros(call.start_micros)


def number(digits: str, kind: NumberKind = NumberKind.E164) -> DialledNumber:
    """A called number."""
    return DialledNumber(digits, kind)


class PurseFunds:
    """Stands where payment's holds are."""

    def __init__(self, purse: Purse) -> None:
        self.purse = purse

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        return self.purse.execute(steps)


class CrashError(Exception):
    """The replica died."""


class Crash:
    """Lets a replica die once, before or after one of its steps; then another works."""

    def __init__(self, place: int) -> None:
        self._places_left = place

    def __call__(self) -> None:
        """Pass a place between two steps."""
        self._places_left -= 1
        if self._places_left == -1:
            raise CrashError

    async def surviving(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer that a switch gets which repeats what was not answered."""
        try:
            return await ask()
        except CrashError:
            return await ask()


class _Dying:
    """A part of the saga, with a place to crash before and after each of its steps."""

    def __init__(self, part: Any, crash: Crash) -> None:
        self._part = part
        self._crash = crash

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._part, name)

        async def work(*arguments: Any) -> Any:
            self._crash()
            result = await step(*arguments)
            self._crash()
            return result

        return work


class _Refusing(Outages):
    """Refuses what payment or the database does not answer in time, whatever policies say."""

    def __init__(self) -> None:
        """It has none."""

    async def answered(
        self,
        tenant_id: str,
        request: ChargingRequest,
        deadline_seconds: float,
        work: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """What the work answers in time."""
        try:
            async with asyncio.timeout(deadline_seconds):
                return await work()
        except (TimeoutError, FundsUnavailableError, *DATABASE_ERRORS):
            sequence, reason = sequence_of(request), Reason.FUNDS_UNAVAILABLE
            return Answer(request.session_id, sequence, Verdict.REFUSED, reason)


class ChargingDesk:
    """A replica of rating that charges calls of a desk's tenant."""

    def __init__(self, desk: Desk, funds: Any) -> None:
        self.desk = desk
        self.now: datetime | None = None
        self.settings = ChargingMemory(desk.database, ChangeWatch(desk.database))
        prices = SessionPrices(desk.memory, self.settings, self.time)
        self._prices, self._funds = prices, funds
        self.book = SessionBook(desk.database, desk.tariffs)
        self.saga = Saga(self.book, funds, prices)
        self.charging = Charging(self.book, self.saga, prices, _Refusing())

    def crash_at(self, crash: Crash) -> None:
        """Let the replica die at a step of its saga."""
        saga = Saga(_Dying(self.book, crash), _Dying(self._funds, crash), self._prices)  # type: ignore[arg-type]
        self.charging = Charging(self.book, saga, self._prices, _Refusing())

    async def hang_up(self, session_id: str) -> None:
        """Ask that a call be ended."""
        await self.desk.database.write(
            lambda uow: hang_up_session(uow, self.desk.tenant_id, session_id, "by the operator")
        )

    def time(self) -> datetime:
        """The time of the replica."""
        return self.now or utc_now()

    def call(self, **changes: Any) -> ChargedCall:
        """A call of the tenant's account that begins now; by the second to the Netherlands."""
        fields = {
            "call_key_kind": SIP_CALL_ID,
            "call_key": new_uuid(),
            "leg": "a",
            "account_id": self.desk.account_id,
            "line": "",
            "caller": "31209876543",
            "callee": DialledNumber(NETHERLANDS, NumberKind.E164),
            "trunk": "",
            "egress_trunk": "",
            "routing_number": "",
            "start_micros": to_micros(self.time()),
        }
        return ChargedCall(**{**fields, **changes})

    async def open(
        self, session_id: str, call: ChargedCall | None = None, requested_seconds: int = 0
    ) -> Answer:
        """Ask for a call."""
        request = OpenRequest(session_id, call or self.call(), requested_seconds)
        return await self.charging.open(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def extend(
        self, session_id: str, sequence: int, used_seconds: int, answer_micros: int | None = None
    ) -> Answer:
        """Report what was used and ask for more."""
        request = ExtendRequest(session_id, sequence, used_seconds, answer_micros=answer_micros)
        return await self.charging.extend(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def close(
        self,
        session_id: str,
        seconds: int,
        call: ChargedCall | None = None,
        answered: bool = True,
    ) -> Answer:
        """Report the end."""
        request = CloseRequest(session_id, seconds * 1_000, answered, call=call)
        return await self.charging.close(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def session(self, session_id: str) -> Session:
        """A session as it is stored."""
        session = await self.book.find(self.desk.tenant_id, session_id)
        assert session is not None
        return session

    async def end_due(self, now: datetime) -> int:
        """What the background does at a time."""
        self.now = now
        return await end_due(self.book, self.saga, self.time)
