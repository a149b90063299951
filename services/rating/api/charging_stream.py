"""ChargeStream: requests of many sessions over one connection, and what is to be hung up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from kernel.errors import DomainError
from services.rating.domain.charging.answer import Answer, Verdict
from services.rating.domain.errors import invalid_field
from services.rating.store.hang_ups import HangUp
from services.rating.usecases.charging.hang_ups import HangUps
from tollbook.rating.v1 import charging_pb2
from tollbook.rating.v1 import charging_service_pb2 as messages

# Beyond this the stream is read when an answer has left.
REQUESTS_IN_FLIGHT_MAX = 256
# Calls of a stream that are told when they are to be hung up, the newest.
CALLS_FOLLOWED_MAX = 50_000

Request = messages.ChargeStreamRequest
Response = messages.ChargeStreamResponse
Asked = messages.OpenSessionRequest | messages.ExtendSessionRequest | messages.CloseSessionRequest


class _Outgoing(NamedTuple):
    """What is to be sent; an answer leaves room for another request when it is."""

    response: Response
    has_slot: bool


class ChargeStream:
    """One stream of a tenant. Sessions do not wait for each other."""

    def __init__(
        self,
        tenant_id: str,
        answer: Callable[[Asked, str], Awaitable[charging_pb2.ChargingAnswer]],
        tell: Callable[[Answer, str], charging_pb2.ChargingAnswer],
    ) -> None:
        """`answer` answers a request, `tell` puts an answer, each in an equipment's words."""
        self._tenant_id = tenant_id
        self._answer = answer
        self._tell = tell
        # None ends the stream.
        self._out: asyncio.Queue[_Outgoing | None] = asyncio.Queue()
        self._failure: BaseException | None = None
        self._slots = asyncio.Semaphore(REQUESTS_IN_FLIGHT_MAX)
        # The newest request of each session, and all that are being worked on.
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._working: set[asyncio.Task[None]] = set()
        # By whose table the calls are told what is going on.
        self._followed: OrderedDict[str, str] = OrderedDict()

    async def run(
        self, requests: AsyncIterator[Request], hang_ups: HangUps
    ) -> AsyncGenerator[Response, None]:
        """Answers, and what is to be hung up, until the switch is done and answered."""
        reading = asyncio.create_task(self._read(requests))
        reading.add_done_callback(lambda _: self._out.put_nowait(None))
        try:
            with hang_ups.told_to(self._hang_up):
                while (outgoing := await self._out.get()) is not None:
                    yield outgoing.response
                    if outgoing.has_slot:
                        self._slots.release()
            if self._failure is not None:
                raise self._failure
            await reading
        finally:
            await _cancel({reading, *self._working})

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        async for request in requests:
            await self._slots.acquire()
            kind = request.WhichOneof("request")
            asked: Asked | None = getattr(request, kind) if kind else None
            self._begin(asked)
        await asyncio.gather(*self._working)

    def _begin(self, asked: Asked | None) -> None:
        """Have a request worked on once the one before it in its session is answered."""
        session_id = asked.session_id if asked is not None else ""
        task = asyncio.create_task(self._work(asked, session_id, self._newest.get(session_id)))
        self._newest[session_id] = task
        self._working.add(task)
        task.add_done_callback(lambda done: self._done(session_id, done))

    async def _work(
        self, asked: Asked | None, session_id: str, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            response = Response(session_id=session_id, answer=await self._answered(asked))
        except DomainError as error:
            response = Response(
                session_id=session_id, error_reason=error.reason, error_message=error.message
            )
        self._out.put_nowait(_Outgoing(response, has_slot=True))

    async def _answered(self, asked: Asked | None) -> charging_pb2.ChargingAnswer:
        if asked is None:
            raise invalid_field("INVALID_SESSION", "request", "it is not set; set one of the three")
        equipment = self._followed.get(asked.session_id, "")
        if not isinstance(asked, messages.ExtendSessionRequest):
            equipment = asked.equipment
        answer = await self._answer(asked, equipment)
        if answer.verdict == charging_pb2.VERDICT_GRANTED:
            self._follow(asked.session_id, equipment)
        elif answer.verdict != charging_pb2.VERDICT_REFUSED:
            self._followed.pop(asked.session_id, None)
        return answer

    def _follow(self, session_id: str, equipment: str) -> None:
        self._followed[session_id] = equipment
        if len(self._followed) > CALLS_FOLLOWED_MAX:
            self._followed.popitem(last=False)

    def _hang_up(self, told: HangUp) -> None:
        """Tell the switch, once, that a call is to be ended."""
        if told.tenant_id != self._tenant_id or told.session_id not in self._followed:
            return
        equipment = self._followed.pop(told.session_id)
        answer = Answer(told.session_id, 0, Verdict.HANG_UP, told.reason)
        message = self._tell(answer, equipment)
        response = Response(session_id=told.session_id, answer=message)
        self._out.put_nowait(_Outgoing(response, has_slot=False))

    def _done(self, session_id: str, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if self._newest.get(session_id) is task:
            del self._newest[session_id]
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._out.put_nowait(None)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
