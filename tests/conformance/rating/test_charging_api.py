"""ChargingService as switches call it: its messages, its lists and its errors."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.api.charging import ChargingApi
from services.rating.usecases.charging.hang_ups import HangUps
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import INTERNATIONAL
from tests.conformance.rating.records import NETHERLANDS
from tollbook.rating.v1 import charging_pb2
from tollbook.rating.v1 import charging_service_pb2 as messages
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind

A_CENT_A_SECOND = "0.06"


@pytest.fixture
def api(charging: ChargingDesk) -> ChargingApi:
    """The service of a replica."""
    endpoint, hang_ups = Endpoint(charging.desk.database), HangUps(charging.desk.watch)
    return ChargingApi(charging.charging, charging.settings, endpoint, INTERNATIONAL, hang_ups)


def call(charging: ChargingDesk, **changes: Any) -> messages.ChargedCall:
    """A call of the desk's account."""
    fields = {
        "call_key": CallKey(kind=CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID, value=new_uuid()),
        "account_id": charging.desk.account_id,
        "caller": "+31209876543",
        "callee": "+" + NETHERLANDS,
    }
    return messages.ChargedCall(**{**fields, **changes})


def opening(charging: ChargingDesk, session_id: str = "s", **changes: Any) -> Any:
    """Asks for a call."""
    return messages.OpenSessionRequest(session_id=session_id, call=call(charging, **changes))


async def test_a_switch_is_answered_in_its_own_words(
    api: ChargingApi, charging: ChargingDesk
) -> None:
    """What is granted, for how long, at what price; and a refusal with its codes."""
    answer = (await api.OpenSession(opening(charging), None)).answer
    assert answer.verdict == charging_pb2.VERDICT_GRANTED
    assert (answer.granted_seconds, answer.ask_again_at_seconds) == (60, 50)
    assert answer.valid_for.seconds == 240
    assert answer.when_exhausted == charging_pb2.WHEN_EXHAUSTED_HANG_UP
    assert answer.price_per_minute.value == A_CENT_A_SECOND
    assert (answer.held.currency_code, answer.held.nanos) == ("EUR", 60_000_000)
    refused = (await api.OpenSession(opening(charging, "other", account_id="nobody"), None)).answer
    assert (refused.verdict, refused.reason) == (
        charging_pb2.VERDICT_REFUSED,
        "UNKNOWN_ACCOUNT",
    )
    assert refused.return_codes.sip == 403
    wrong = (await api.OpenSession(opening(charging, "wrong", callee="sos"), None)).answer
    assert (wrong.reason, wrong.return_codes.sip) == ("INVALID_NUMBER", 484)


async def test_a_call_is_told_about_from_its_begin_to_its_end(
    api: ChargingApi, charging: ChargingDesk
) -> None:
    """Its session shows what is held while it goes on, and its charge once it is settled."""
    await api.OpenSession(opening(charging), None)
    answered = utc_now() + timedelta(seconds=4)
    extend = messages.ExtendSessionRequest(
        session_id="s", sequence=1, used_seconds=50, answer_time=time_to_proto(answered)
    )
    assert (await api.ExtendSession(extend, None)).answer.cost.nanos == 50_000_000
    live = (await api.GetSession(messages.GetSessionRequest(session_id="s"), None)).session
    assert live.state == charging_pb2.SESSION_STATE_ACTIVE
    assert (live.callee, live.granted_seconds, live.held.nanos) == (NETHERLANDS, 110, 110_000_000)
    close = messages.CloseSessionRequest(session_id="s", duration_ms=100_000, answered=True)
    answer = (await api.CloseSession(close, None)).answer
    assert (answer.verdict, answer.cost.nanos) == (charging_pb2.VERDICT_CLOSED, 100_000_000)
    ended = (await api.GetSession(messages.GetSessionRequest(session_id="s"), None)).session
    assert ended.state == charging_pb2.SESSION_STATE_CLOSED
    assert (ended.callee, ended.cost.nanos, ended.held.nanos) == ("", 100_000_000, 0)
    assert ended.charge_id == (await charging.desk.charge()).charge_id


async def test_live_calls_are_listed_page_by_page(api: ChargingApi, charging: ChargingDesk) -> None:
    """The newest first."""
    first = utc_now()
    for place in range(5):
        start = time_to_proto(first + timedelta(seconds=place))
        await api.OpenSession(opening(charging, f"s{place}", start_time=start), None)
    found, token = [], ""
    while True:
        request = messages.ListLiveCallsRequest(page_size=2, page_token=token)
        page = await api.ListLiveCalls(request, None)
        found += [each.session_id for each in page.sessions]
        token = page.next_page_token
        if not token:
            break
    assert found == ["s4", "s3", "s2", "s1", "s0"]


async def test_hanging_up_twice_by_one_request_is_once(
    api: ChargingApi, charging: ChargingDesk
) -> None:
    """The repetition gets its answer even when the call has ended meanwhile."""
    await api.OpenSession(opening(charging), None)
    request = messages.HangUpSessionRequest(session_id="s", reason="fraud", request_id=new_uuid())
    asked = await api.HangUpSession(request, None)
    assert asked.session.reason == "fraud"
    close = messages.CloseSessionRequest(session_id="s", duration_ms=1_000, answered=True)
    await api.CloseSession(close, None)
    assert await api.HangUpSession(request, None) == asked


@pytest.mark.parametrize(
    ("request_of", "reason"),
    [
        (lambda desk: opening(desk, ""), "INVALID_SESSION"),
        (lambda desk: opening(desk, "s" * 256), "INVALID_SESSION"),
        (lambda desk: opening(desk, call_key=CallKey(value="k")), "INVALID_SESSION"),
        (
            lambda desk: opening(
                desk, call_key=CallKey(kind=CallKeyKind.CALL_KEY_KIND_SUBSCRIPTION, value="k")
            ),
            "INVALID_SESSION",
        ),
        (
            lambda desk: opening(
                desk, call_key=CallKey(kind=CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID)
            ),
            "INVALID_SESSION",
        ),
        (
            lambda desk: messages.OpenSessionRequest(
                session_id="s", call=call(desk), requested_seconds=86_401
            ),
            "INVALID_SESSION",
        ),
    ],
)
async def test_a_malformed_request_is_an_error(
    api: ChargingApi, charging: ChargingDesk, request_of: Any, reason: str
) -> None:
    """It names the field, and changes nothing."""
    with pytest.raises(DomainError) as refused:
        await api.OpenSession(request_of(charging), None)
    assert refused.value.reason == reason


async def test_what_is_not_there_is_not_found(api: ChargingApi) -> None:
    """Neither to be shown nor to be hung up."""
    with pytest.raises(DomainError) as unseen:
        await api.GetSession(messages.GetSessionRequest(session_id="none"), None)
    request = messages.HangUpSessionRequest(session_id="none", request_id=new_uuid())
    with pytest.raises(DomainError) as unheard:
        await api.HangUpSession(request, None)
    assert {unseen.value.reason, unheard.value.reason} == {"SESSION_NOT_FOUND"}
