"""ChargingService: charges calls while they run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.grpc.running_call import remaining_seconds
from chassis.security.caller import Caller, current_caller
from kernel.e164 import NumberPlan
from services.rating.api.charging_stream import Asked, ChargeStream
from services.rating.api.convert_charging import (
    answer_to_proto,
    close_from_proto,
    extend_from_proto,
    open_from_proto,
    session_to_proto,
)
from services.rating.domain.charging.answer import Answer
from services.rating.domain.errors import invalid_field
from services.rating.usecases.charging.charging import Charging, LiveCall
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.charging.hang_up_session import hang_up_session
from services.rating.usecases.charging.hang_ups import HangUps
from tollbook.rating.v1 import charging_pb2
from tollbook.rating.v1 import charging_service_pb2 as messages
from tollbook.rating.v1.charging_service_pb2_grpc import ChargingServiceServicer

# For callers without a deadline of their own.
ANSWER_SECONDS_MAX = 5.0
# Of the caller's time, for the answer to travel.
RETURN_SECONDS = 0.02
HANG_UP_REASON_CHARACTERS_MAX = 200


class ChargingApi(ChargingServiceServicer):
    """Sessions of the caller's tenant."""

    def __init__(
        self,
        charging: Charging,
        settings: ChargingMemory,
        endpoint: Endpoint,
        numbers: NumberPlan,
        hang_ups: HangUps,
    ) -> None:
        self._charging = charging
        self._settings = settings
        self._endpoint = endpoint
        self._numbers = numbers
        self._hang_ups = hang_ups

    async def OpenSession(
        self, request: messages.OpenSessionRequest, context: Any
    ) -> messages.OpenSessionResponse:
        """Ask whether a call may begin."""
        return messages.OpenSessionResponse(answer=await self._answer(request, request.equipment))

    async def ExtendSession(
        self, request: messages.ExtendSessionRequest, context: Any
    ) -> messages.ExtendSessionResponse:
        """Report what was used and ask for more."""
        return messages.ExtendSessionResponse(answer=await self._answer(request, ""))

    async def CloseSession(
        self, request: messages.CloseSessionRequest, context: Any
    ) -> messages.CloseSessionResponse:
        """Report the end of a call and charge it."""
        return messages.CloseSessionResponse(answer=await self._answer(request, request.equipment))

    async def ChargeStream(
        self, requests: AsyncIterator[messages.ChargeStreamRequest], context: Any
    ) -> AsyncIterator[messages.ChargeStreamResponse]:
        """Answer requests of many sessions, and tell which are to be hung up."""
        stream = ChargeStream(current_caller().tenant_id, self._answer, self._told)
        async with aclosing(stream.run(requests, self._hang_ups)) as responses:
            async for response in responses:
                yield response

    async def GetSession(
        self, request: messages.GetSessionRequest, context: Any
    ) -> messages.GetSessionResponse:
        """Return a session."""
        live = await self._charging.get(current_caller().tenant_id, request.session_id)
        return messages.GetSessionResponse(session=session_to_proto(live))

    async def ListLiveCalls(
        self, request: messages.ListLiveCallsRequest, context: Any
    ) -> messages.ListLiveCallsResponse:
        """List calls that are going on, the newest first."""
        size = page_size(request.page_size)
        token = decode_token(request.page_token)
        calls = await self._charging.live_calls(
            current_caller().tenant_id,
            request.account_id,
            (token[0], token[1]) if token else None,
            size + 1,
        )
        return messages.ListLiveCallsResponse(
            sessions=map(session_to_proto, calls[:size]),
            next_page_token=token_after(calls, size, _place),
        )

    async def HangUpSession(
        self, request: messages.HangUpSessionRequest, context: Any
    ) -> messages.HangUpSessionResponse:
        """Ask that a call be ended."""
        if len(request.reason) > HANG_UP_REASON_CHARACTERS_MAX:
            problem = f"it has {len(request.reason)} characters"
            raise invalid_field("INVALID_SESSION", "reason", f"{problem}; give at most 200")

        def work(uow: UnitOfWork, caller: Caller) -> messages.HangUpSessionResponse:
            session = hang_up_session(uow, caller.tenant_id, request.session_id, request.reason)
            uow.after_commit(self._hang_ups.wake)
            live = LiveCall(session, session.cost_micros)
            return messages.HangUpSessionResponse(session=session_to_proto(live))

        return await self._endpoint.mutate(request, messages.HangUpSessionResponse, work)

    async def _answer(self, request: Asked, equipment: str) -> charging_pb2.ChargingAnswer:
        """What is answered to a request, in the words of an equipment."""
        tenant_id, seconds = current_caller().tenant_id, _deadline_seconds()
        match request:
            case messages.OpenSessionRequest():
                opening = open_from_proto(request, self._numbers)
                answer = await self._charging.open(tenant_id, opening, seconds)
            case messages.ExtendSessionRequest():
                answer = await self._charging.extend(tenant_id, extend_from_proto(request), seconds)
            case _:
                closing = close_from_proto(request, self._numbers)
                answer = await self._charging.close(tenant_id, closing, seconds)
        return self._told(answer, equipment)

    def _told(self, answer: Answer, equipment: str) -> charging_pb2.ChargingAnswer:
        codes = self._settings.return_codes_of(current_caller().tenant_id, equipment, answer.reason)
        return answer_to_proto(answer, codes)


def _deadline_seconds() -> float:
    """How long the answer may take."""
    remaining = remaining_seconds()
    if remaining is None:
        return ANSWER_SECONDS_MAX
    return min(ANSWER_SECONDS_MAX, remaining - RETURN_SECONDS)


def _place(live: LiveCall) -> tuple[int, str]:
    return live.session.call.start_micros, live.session.session_id
