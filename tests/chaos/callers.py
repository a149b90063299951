"""Switches that charge calls while they run, ask again until they are answered, and keep count."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc.aio

from kernel.errors import DomainError, ErrorKind
from tests.support.operator import timestamp
from tollbook.rating.v1 import charging_service_pb2 as charging
from tollbook.rating.v1.charging_pb2 import VERDICT_CLOSED, VERDICT_GRANTED, ChargingAnswer
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_SIP_CALL_ID, CallKey

CALLEE = "31201234567"
# By the operator's deck: 0.06 a minute, by the second.
MICROS_A_SECOND = 1_000
SLICE_SECONDS = 60
EXTENDS_MAX = 3
REQUEST_SECONDS_MAX = 2.0
ANSWER_SECONDS_MAX = 90.0
REST_SECONDS = 0.05
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}

Ask = Callable[..., Awaitable[Any]]


class Callers:
    """Many calls at once on one balance; each lasts no longer than it was granted."""

    def __init__(self, stub: Any, account_id: str, seed: int) -> None:
        self._stub = stub
        self._account_id = account_id
        self._random = random.Random(seed)
        self._is_over = False
        self.seconds: dict[str, int] = {}
        """How long each call that has ended was, as its switch reported it."""
        self.refused = 0

    @property
    def micros(self) -> int:
        """What the calls cost in all."""
        return sum(self.seconds.values()) * MICROS_A_SECOND

    async def count(self) -> int:
        """How many calls have ended."""
        return len(self.seconds)

    def stop(self) -> None:
        """Begin no more calls; those that are going on come to their ends."""
        self._is_over = True

    async def call_at_once(self, callers: int) -> None:
        """Make calls until it is over."""
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._call_on())

    async def _call_on(self) -> None:
        while not self._is_over:
            await self._call(str(uuid4()))
            await asyncio.sleep(REST_SECONDS)

    async def _call(self, session_id: str) -> None:
        call = charging.ChargedCall(
            call_key=CallKey(kind=CALL_KEY_KIND_SIP_CALL_ID, value=f"{session_id}@chaos"),
            account_id=self._account_id,
            caller="31201234500",
            callee=CALLEE,
            start_time=timestamp(datetime.now(UTC)),
        )
        opening = charging.OpenSessionRequest(
            session_id=session_id, call=call, requested_seconds=SLICE_SECONDS
        )
        answer = await self._ask(self._stub.OpenSession, opening)
        if answer.verdict != VERDICT_GRANTED:
            self.refused += 1
            return
        seconds = await self._talk(session_id, answer.granted_seconds)
        closing = charging.CloseSessionRequest(
            session_id=session_id, call=call, duration_ms=seconds * 1_000, answered=seconds > 0
        )
        closed = await self._ask(self._stub.CloseSession, closing)
        assert closed.verdict == VERDICT_CLOSED, closed
        self.seconds[session_id] = seconds

    async def _talk(self, session_id: str, granted: int) -> int:
        """Go on while more is granted; how long the call was."""
        for sequence in range(1, self._random.randint(0, EXTENDS_MAX) + 1):
            extending = charging.ExtendSessionRequest(
                session_id=session_id,
                sequence=sequence,
                used_seconds=granted - self._random.randint(0, granted // 2),
                requested_seconds=SLICE_SECONDS,
            )
            answer = await self._ask(self._stub.ExtendSession, extending)
            if answer.verdict != VERDICT_GRANTED:
                break
            granted = answer.granted_seconds
        return self._random.choice((granted, granted, self._random.randint(0, granted)))

    async def _ask(self, method: Ask, request: Any) -> ChargingAnswer:
        """Ask again and again until somebody who can answer does."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while (answer := await _answer_of(method, request)) is None:
                await asyncio.sleep(REST_SECONDS)
        return answer


async def _answer_of(method: Ask, request: Any) -> ChargingAnswer | None:
    """What is answered; None while nobody can."""
    try:
        answer: ChargingAnswer = (await method(request, timeout=REQUEST_SECONDS_MAX)).answer
    except DomainError as error:
        if error.kind is not ErrorKind.UNAVAILABLE:
            raise
        return None
    except grpc.aio.AioRpcError as error:
        if error.code() not in PASSING:
            raise
        return None
    return None if answer.reason == "FUNDS_UNAVAILABLE" else answer
