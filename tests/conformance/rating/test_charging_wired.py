"""Charging as its wiring puts it together, asked over a socket, with nobody in payment's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from chassis.database.engine import Database
from chassis.grpc.client import connect
from chassis.grpc.server import GrpcServer
from chassis.security.authority import LocalAuthority
from chassis.service import Runtime
from chassis.settings import CommonSettings
from kernel.ids import new_uuid
from services.rating import wiring
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.test_charging_admin import policy
from tests.conformance.rating.test_charging_api import opening
from tollbook.rating.v1 import charging_admin_service_pb2 as admin
from tollbook.rating.v1 import charging_service_pb2 as messages
from tollbook.rating.v1.charging_admin_service_pb2_grpc import ChargingAdminServiceStub
from tollbook.rating.v1.charging_pb2 import VERDICT_GRANTED, VERDICT_REFUSED
from tollbook.rating.v1.charging_service_pb2_grpc import ChargingServiceStub

SCOPES = ("rating.session", "rating.manage", "rating.read")
NOBODY = "127.0.0.1:9"
HOUR_SECONDS = 3_600
DRAIN_SECONDS = 5
DEADLINE_SECONDS = 2.0


class Rating:
    """A caller of rating."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.charging = ChargingServiceStub(channel)
        self.admin = ChargingAdminServiceStub(channel)

    async def offline_answers(self) -> list[admin.OfflineAnswer]:
        """What was answered without payment."""
        request = admin.ListOfflineAnswersRequest()
        return list((await self.admin.ListOfflineAnswers(request)).offline_answers)


@pytest.fixture
async def rating(database: Database, desk: Desk, tmp_path: Path) -> AsyncIterator[Rating]:
    """What rating's wiring puts together, with its background."""
    authority = LocalAuthority.open(tmp_path / "authority")
    settings = CommonSettings(
        data_dir=tmp_path,
        listen_address="127.0.0.1:0",
        trusted_keys_file=authority.trusted_keys_file,
        addresses={"payment": NOBODY},
    )
    runtime = Runtime("rating", settings, {}, database)
    definition = wiring.build(runtime)
    background = [asyncio.create_task(work()) for work in definition.background]
    server = GrpcServer(definition.servicers, settings)
    await server.start()
    token_file = tmp_path / "switch.token"
    token_file.write_text(authority.mint("switch", desk.tenant_id, SCOPES, HOUR_SECONDS))
    caller = CommonSettings(service_token_file=token_file)
    channel = connect(f"127.0.0.1:{server.port}", "tollbook.rating.v1", caller)
    yield Rating(channel)
    await channel.close()
    await server.drain(DRAIN_SECONDS)
    for task in background:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await runtime.close_channels()


async def test_a_switch_is_answered_by_policy_in_time_and_it_is_recorded(
    rating: Rating, charging: ChargingDesk
) -> None:
    """Denied at first; on credit once the tenant allows that."""
    request = opening(charging, "denied")
    answer = (await rating.charging.OpenSession(request, timeout=DEADLINE_SECONDS)).answer
    assert (answer.verdict, answer.reason) == (VERDICT_REFUSED, "FUNDS_UNAVAILABLE")
    assert (answer.return_codes.sip, answer.return_codes.q850) == (503, 41)
    allowing = policy(outage_rule=admin.OUTAGE_RULE_ALLOW, outage_seconds=20)
    setting = admin.SetChargingPolicyRequest(policy=allowing, request_id=new_uuid())
    await rating.admin.SetChargingPolicy(setting)
    request = opening(charging, "allowed")
    answer = (await rating.charging.OpenSession(request, timeout=DEADLINE_SECONDS)).answer
    assert (answer.verdict, answer.granted_seconds) == (VERDICT_GRANTED, 20)
    async with asyncio.timeout(30):
        while len(await rating.offline_answers()) < 2:
            await asyncio.sleep(0.01)
    found = {each.session_id: each.reason for each in await rating.offline_answers()}
    assert found == {"denied": "FUNDS_UNAVAILABLE", "allowed": "OFFLINE_ALLOWANCE"}


async def read(stream: Any) -> messages.ChargeStreamResponse:
    """What a stream tells next."""
    response = await stream.read()
    assert isinstance(response, messages.ChargeStreamResponse)
    return response


async def test_a_stream_answers_pushes_and_ends_over_a_socket(
    rating: Rating, charging: ChargingDesk
) -> None:
    """An emergency call begins without payment and is hung up by request; all is answered."""
    stream = rating.charging.ChargeStream()
    request = opening(charging, "s", callee="112")
    await stream.write(messages.ChargeStreamRequest(open=request))
    async with asyncio.timeout(30):
        answered = await read(stream)
        assert (answered.session_id, answered.answer.verdict) == ("s", VERDICT_GRANTED)
        hang_up = messages.HangUpSessionRequest(session_id="s", request_id=new_uuid())
        await rating.charging.HangUpSession(hang_up)
        pushed = await read(stream)
        assert (pushed.session_id, pushed.answer.reason) == ("s", "HANG_UP_REQUESTED")
        close = messages.CloseSessionRequest(session_id="s", duration_ms=1_000, answered=True)
        await stream.write(messages.ChargeStreamRequest(close=close))
        await stream.done_writing()
        responses = [response async for response in stream]
    assert [response.error_reason for response in responses] == [""]


async def test_a_stream_that_is_cut_disturbs_no_other(
    rating: Rating, charging: ChargingDesk
) -> None:
    """Its calls go on by any other."""
    cut, other = rating.charging.ChargeStream(), rating.charging.ChargeStream()
    request = opening(charging, "s", callee="112")
    async with asyncio.timeout(30):
        await cut.write(messages.ChargeStreamRequest(open=request))
        await read(cut)
        cut.cancel()
        extend = messages.ExtendSessionRequest(session_id="s", sequence=1, used_seconds=30)
        await other.write(messages.ChargeStreamRequest(extend=extend))
        assert (await read(other)).answer.verdict == VERDICT_GRANTED
        await other.done_writing()
        assert [response async for response in other] == []
