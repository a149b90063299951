"""Cycles of a call that is charged while it runs, by several callers: open, extend, close."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import uuid4

import grpc

from tests.bench.unary import cpu_seconds
from tollbook.rating.v1 import charging_service_pb2 as charging
from tollbook.rating.v1.charging_pb2 import VERDICT_CLOSED, VERDICT_GRANTED
from tollbook.rating.v1.charging_service_pb2_grpc import ChargingServiceStub
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_SIP_CALL_ID, CallKey

# So many calls that ask at once share transactions and messages, as on a busy switch.
CALLERS = 128
DEADLINE_SECONDS = 20.0
CALLEE = "31201234567"


class Load:
    """Cycles on some accounts, over one connection to one server."""

    def __init__(self, channel: grpc.aio.Channel, account_ids: Sequence[str]) -> None:
        self._stub: Any = ChargingServiceStub(channel)
        self._account_ids = account_ids
        self._run = uuid4().hex[:8]
        self._numbers = count()
        self.open_seconds: list[float] = []

    async def run(self, cycles: int, pids: Sequence[int]) -> tuple[float, ...]:
        """Cycles a second, as fast as the callers can; microseconds of CPU of each process."""
        before = [cpu_seconds(pid) for pid in pids]
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._cycle_some(cycles // CALLERS))
        rate = cycles / (time.perf_counter() - begin)
        spent = (cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True))
        return rate, *(seconds / cycles * 1e6 for seconds in spent)

    async def offer(self, cycles: int, rate: float) -> None:
        """Begin so many cycles a second, whether earlier ones have ended or not."""
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(cycles):
                while (wait := begin + number / rate - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(self.cycle())

    async def _cycle_some(self, cycles: int) -> None:
        for _ in range(cycles):
            await self.cycle()

    async def cycle(self) -> None:
        """One call: a minute is asked for, thirty seconds used, a minute more, fifty used."""
        number = next(self._numbers)
        session_id = f"{self._run}-{number}"
        begin = time.perf_counter()
        opened = await self._stub.OpenSession(
            self._open(session_id, number), timeout=DEADLINE_SECONDS
        )
        self.open_seconds.append(time.perf_counter() - begin)
        assert opened.answer.verdict == VERDICT_GRANTED, opened
        extended = await self._stub.ExtendSession(
            charging.ExtendSessionRequest(
                session_id=session_id, sequence=1, used_seconds=30, requested_seconds=60
            ),
            timeout=DEADLINE_SECONDS,
        )
        assert extended.answer.verdict == VERDICT_GRANTED, extended
        closed = await self._stub.CloseSession(
            charging.CloseSessionRequest(session_id=session_id, duration_ms=50_000, answered=True),
            timeout=DEADLINE_SECONDS,
        )
        # The echo answers each question alike.
        assert closed.answer.verdict in {VERDICT_CLOSED, VERDICT_GRANTED}, closed

    def _open(self, session_id: str, number: int) -> charging.OpenSessionRequest:
        call = charging.ChargedCall(
            call_key=CallKey(kind=CALL_KEY_KIND_SIP_CALL_ID, value=f"{session_id}@bench"),
            account_id=self._account_ids[number % len(self._account_ids)],
            caller="31201234500",
            callee=CALLEE,
        )
        return charging.OpenSessionRequest(session_id=session_id, call=call, requested_seconds=60)


def percentile(seconds: Sequence[float], percent: int) -> float:
    """What so many percent stay below, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1_000
