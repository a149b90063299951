"""Kamailio and SIPp place real calls, authorised and metered by Tollbook."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.peers.exchange import MICROS_PER_SECOND_OF_CALL, Exchange, amount_micros
from tests.peers.kamailio import Kamailio
from tests.peers.lossy_relay import LossyRelay
from tollbook.rating.v1 import charging_pb2 as charging

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

CLOSED, REFUSED = charging.SESSION_STATE_CLOSED, charging.SESSION_STATE_REFUSED
TALK_MS = 2_200
GRANTED_SECONDS = 3
# Signalling and whole seconds of Kamailio's clock.
SECONDS_OF_TALK = {2, 3, 4}


@pytest_asyncio.fixture(loop_scope="module", params=["RADIUS", "HTTP"])
async def kamailio(
    request: pytest.FixtureRequest, exchange: Exchange, tmp_path: Path
) -> AsyncIterator[Kamailio]:
    """A proxy that asks by RADIUS, and one that asks by HTTP."""
    proxy = Kamailio(exchange, tmp_path)
    try:
        await proxy.start(*(["WITH_HTTP"] if request.param == "HTTP" else []))
        yield proxy
    finally:
        await proxy.stop()


def session_id(kamailio: Kamailio, call_id: str) -> str:
    """RADIUS sessions have the client's name before the Call-ID."""
    return call_id if kamailio.asks_by_http else f"sip:{call_id}"


async def charged_seconds(
    exchange: Exchange, kamailio: Kamailio, call_id: str, balance_before: int
) -> int:
    """The seconds of a call of alice, for which session, charge and balance agree."""
    session = await exchange.session(session_id(kamailio, call_id), CLOSED)
    [charge] = await exchange.charges("alice", call_id)
    assert charge.charge_id == session.charge_id
    cost = session.used_seconds * MICROS_PER_SECOND_OF_CALL
    assert amount_micros(charge) == cost
    assert (await exchange.money("alice")).balance == balance_before - cost
    return int(session.used_seconds)


async def test_an_answered_call_is_charged_for_its_seconds(
    exchange: Exchange, kamailio: Kamailio
) -> None:
    """Held before, captured after, and nothing held any more."""
    before = (await exchange.money("alice")).balance
    call_id = f"answered-{kamailio.asks_by_http}"
    await kamailio.call(call_id, talk_ms=TALK_MS)
    assert await charged_seconds(exchange, kamailio, call_id, before) in SECONDS_OF_TALK


async def test_a_busy_call_costs_nothing(exchange: Exchange, kamailio: Kamailio) -> None:
    """Its money is free again."""
    before = await exchange.money("alice")
    call_id = f"busy-{kamailio.asks_by_http}"
    await kamailio.call(call_id, callee="busy_callee")
    session = await exchange.session(session_id(kamailio, call_id), CLOSED)
    assert session.used_seconds == 0
    assert all(amount_micros(each) == 0 for each in await exchange.charges("alice", call_id))
    assert await exchange.money("alice") == before


async def test_a_call_without_money_does_not_begin(exchange: Exchange, kamailio: Kamailio) -> None:
    """The caller hears 402 with the reason; the callee hears nothing."""
    call_id = f"refused-{kamailio.asks_by_http}"
    await kamailio.call(call_id, user="poor")
    session = await exchange.session(session_id(kamailio, call_id), REFUSED)
    assert session.reason == "INSUFFICIENT_FUNDS"
    assert await exchange.charges("poor", call_id) == []
    assert (await exchange.money("poor")).balance == 0


@pytest.mark.parametrize("definitions", [(), ("WITH_HTTP",)], ids=["RADIUS", "HTTP"])
async def test_a_call_is_cut_off_when_its_time_is_over(
    exchange: Exchange, tmp_path: Path, definitions: tuple[str, ...]
) -> None:
    """The proxy hangs up at both ends, and what was said is paid."""
    before = (await exchange.money("alice")).balance
    proxy = Kamailio(exchange, tmp_path)
    try:
        await proxy.start(*definitions, granted_seconds=GRANTED_SECONDS)
        call_id = f"cut-{proxy.asks_by_http}"
        await proxy.call(call_id, caller="endless_caller")
        seconds = await charged_seconds(exchange, proxy, call_id, before)
    finally:
        await proxy.stop()
    # Kamailio's timer looks once a second, and its clock has whole seconds.
    assert GRANTED_SECONDS - 1 <= seconds <= GRANTED_SECONDS + 2


async def test_a_retransmission_is_answered_alike_and_charged_once(
    exchange: Exchange, tmp_path: Path
) -> None:
    """The first Accounting-Response is lost on its way to a real client, which repeats."""
    before = (await exchange.money("alice")).balance
    relay = LossyRelay(exchange.accounting_port)
    proxy = Kamailio(exchange, tmp_path)
    try:
        await proxy.start(accounting_port=await relay.start())
        await proxy.call("repeated", talk_ms=TALK_MS)
        assert await charged_seconds(exchange, proxy, "repeated", before) in SECONDS_OF_TALK
    finally:
        await proxy.stop()
        relay.close()
    assert relay.requests[0] == relay.requests[1]
    assert relay.answers[0] == relay.answers[1]
