"""Many calls over one stream: each in its order, none in another's way, ended when it must be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from chassis.grpc.endpoint import Endpoint
from kernel.clock import to_micros, utc_now
from kernel.ids import new_uuid
from services.rating.api.charging import ChargingApi
from services.rating.api.charging_stream import REQUESTS_IN_FLIGHT_MAX
from services.rating.usecases.change_watch import ChangeWatch
from services.rating.usecases.charging.hang_ups import HangUps
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import INTERNATIONAL, Desk
from tests.conformance.rating.test_charging_api import opening
from tests.unit.rating.live_calls import Purse
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked
from tollbook.rating.v1 import charging_pb2
from tollbook.rating.v1 import charging_service_pb2 as messages

FACT_SECONDS_MAX = 20.0

Response = messages.ChargeStreamResponse


class Switch:
    """A switch with a stream to a replica."""

    def __init__(self, api: ChargingApi, charging: ChargingDesk) -> None:
        self.charging = charging
        self.asked: asyncio.Queue[messages.ChargeStreamRequest | None] = asyncio.Queue()
        self.read_count = 0
        self._responses = api.ChargeStream(self._requests(), None)

    async def _requests(self) -> AsyncIterator[messages.ChargeStreamRequest]:
        while (request := await self.asked.get()) is not None:
            self.read_count += 1
            yield request

    def open(self, session_id: str) -> None:
        """Ask for a call."""
        request = opening(self.charging, session_id)
        self.asked.put_nowait(messages.ChargeStreamRequest(open=request))

    def extend(self, session_id: str, sequence: int, used_seconds: int) -> None:
        """Ask for more."""
        request = messages.ExtendSessionRequest(
            session_id=session_id, sequence=sequence, used_seconds=used_seconds
        )
        self.asked.put_nowait(messages.ChargeStreamRequest(extend=request))

    def close(self, session_id: str, seconds: int) -> None:
        """Tell the end."""
        request = messages.CloseSessionRequest(
            session_id=session_id, duration_ms=seconds * 1_000, answered=True
        )
        self.asked.put_nowait(messages.ChargeStreamRequest(close=request))

    def finish(self) -> None:
        """Ask nothing more."""
        self.asked.put_nowait(None)

    async def told(self) -> Response:
        """What comes next."""
        async with asyncio.timeout(FACT_SECONDS_MAX):
            return await anext(self._responses)

    async def rest(self) -> list[Response]:
        """All that comes until the stream ends."""
        async with asyncio.timeout(FACT_SECONDS_MAX):
            return [response async for response in self._responses]

    async def leave(self) -> None:
        """Cut the connection."""
        await self._responses.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def hang_ups(charging: ChargingDesk) -> AsyncIterator[HangUps]:
    """What watches for calls that are to be ended, in the replica of the stream."""
    changes = ChangeWatch(charging.desk.database)
    watching = HangUps(changes)
    watch = asyncio.create_task(changes.run())
    yield watching
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


@pytest.fixture
def api(charging: ChargingDesk, hang_ups: HangUps) -> ChargingApi:
    """The replica of the stream."""
    return replica(charging, hang_ups)


@pytest.fixture
def switch(api: ChargingApi, charging: ChargingDesk) -> Switch:
    """A switch that is connected to it."""
    return Switch(api, charging)


def replica(charging: ChargingDesk, hang_ups: HangUps) -> ChargingApi:
    endpoint = Endpoint(charging.desk.database)
    return ChargingApi(charging.charging, charging.settings, endpoint, INTERNATIONAL, hang_ups)


@asynccontextmanager
async def connected(switch: Switch) -> AsyncIterator[None]:
    """Cut the connection in the end."""
    try:
        yield
    finally:
        await switch.leave()


async def test_the_answers_to_a_call_come_in_the_order_of_its_requests(
    switch: Switch, purse: Purse
) -> None:
    """Sent without waiting for any of them, and all are answered before the stream ends."""
    purse.money[switch.charging.desk.account_id] = 10**9
    for place in range(20):
        switch.open(f"s{place}")
        switch.extend(f"s{place}", 1, 50)
        switch.close(f"s{place}", 70)
    switch.finish()
    responses = await switch.rest()
    assert len(responses) == 60
    for place in range(20):
        of_call = [each.answer for each in responses if each.session_id == f"s{place}"]
        assert [each.granted_seconds for each in of_call[:2]] == [60, 110]
        assert of_call[2].verdict == charging_pb2.VERDICT_CLOSED
        assert of_call[2].cost.nanos == 70_000_000


async def test_an_error_is_told_in_its_place_and_ends_nothing(switch: Switch) -> None:
    """As the single method would have told it."""
    switch.open("s")
    switch.extend("s", 0, 50)
    switch.asked.put_nowait(messages.ChargeStreamRequest())
    switch.close("s", 10)
    switch.finish()
    responses = await switch.rest()
    of_call = [each for each in responses if each.session_id == "s"]
    assert [each.error_reason for each in of_call] == ["", "INVALID_SESSION", ""]
    assert not of_call[1].HasField("answer")
    assert [each.error_reason for each in responses if not each.session_id] == ["INVALID_SESSION"]


async def test_a_call_is_hung_up_as_soon_as_somebody_asks_another_replica(
    switch: Switch, charging: ChargingDesk
) -> None:
    """The switch is told once; calls of other streams are not its business."""
    async with connected(switch):
        switch.open("s")
        await switch.told()
        await charging.open("elsewhere")
        other = replica(charging, HangUps(ChangeWatch(charging.desk.database)))
        for session_id in ("elsewhere", "s"):
            request = messages.HangUpSessionRequest(session_id=session_id, request_id=new_uuid())
            await other.HangUpSession(request, None)
        response = await switch.told()
        assert (response.session_id, response.answer.reason) == ("s", "HANG_UP_REQUESTED")
        assert response.answer.verdict == charging_pb2.VERDICT_HANG_UP
        assert response.answer.return_codes.sip == 403
        switch.close("s", 10)
        assert (await switch.told()).answer.verdict == charging_pb2.VERDICT_CLOSED


async def test_calls_of_an_account_that_is_blocked_are_hung_up(
    switch: Switch, desk: Desk, purse: Purse
) -> None:
    """All of its calls; and who extends one is told the same."""
    purse.money[desk.account_id] = 10**9
    async with connected(switch):
        for session_id in ("s", "t"):
            switch.open(session_id)
            await switch.told()
        blocked = AccountBlocked(account_id=desk.account_id, reason="fraud")
        blocked.block_time.FromMicroseconds(to_micros(utc_now()))
        await desk.hear(blocked)
        told = [await switch.told(), await switch.told()]
        assert {each.session_id for each in told} == {"s", "t"}
        assert {each.answer.reason for each in told} == {"ACCOUNT_BLOCKED"}
        switch.extend("s", 1, 30)
        answer = (await switch.told()).answer
        assert (answer.verdict, answer.reason) == (
            charging_pb2.VERDICT_HANG_UP,
            "ACCOUNT_BLOCKED",
        )


async def test_a_switch_that_does_not_read_is_not_read_for_ever(
    switch: Switch, purse: Purse
) -> None:
    """Its requests wait at its side until answers have left."""
    purse.money[switch.charging.desk.account_id] = 10**9
    asked = REQUESTS_IN_FLIGHT_MAX + 40
    for place in range(asked):
        switch.open(f"s{place}")
    switch.finish()
    async with connected(switch):
        await switch.told()
        async with asyncio.timeout(FACT_SECONDS_MAX):
            while switch.read_count < REQUESTS_IN_FLIGHT_MAX + 1:
                await asyncio.sleep(0.01)
        # One answer has been taken, and while the next is not, there is room for what it left.
        assert switch.read_count <= REQUESTS_IN_FLIGHT_MAX + 2
        assert len(await switch.rest()) == asked - 1


async def test_a_connection_that_is_cut_leaves_no_work_behind(
    switch: Switch, charging: ChargingDesk
) -> None:
    """What was asked may have been done or not; a repetition gets its answer."""
    before = asyncio.all_tasks()
    switch.open("s")
    await switch.told()
    for sequence in range(1, 9):
        switch.extend("s", sequence, sequence * 10)
    await switch.leave()
    left = {task for task in asyncio.all_tasks() - before if "ChargeStream" in repr(task)}
    assert left == set()
    assert (await charging.extend("s", 9, 90)).sequence == 9
