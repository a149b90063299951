"""Switches whose ids of sessions come again: no call is charged as another one, none for free."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.clock import to_micros, utc_now
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.session import SessionState
from tests.conformance.rating.charging_desk import (
    DEADLINE_SECONDS,
    ChargingDesk,
    PurseFunds,
    call_start,
)
from tests.unit.rating.live_calls import Purse

KEY = "00000001"


def days_ago(charging: ChargingDesk, days: int, **changes: str) -> ChargedCall:
    """A call whose key is the id of its session."""
    start = to_micros(utc_now() - timedelta(days=days))
    return charging.call(start_micros=start, call_key=KEY, **changes)


async def test_an_end_under_the_id_of_an_earlier_call_is_charged(charging: ChargingDesk) -> None:
    """Three days ago a minute, today twice as long; repeated, each costs what it did."""
    earlier, later = days_ago(charging, 3), days_ago(charging, 0)
    assert (await charging.close("s", 60, earlier)).cost_micros == 60_000
    for _ in range(2):
        assert (await charging.close("s", 120, later)).cost_micros == 120_000
    assert await charging.desk.deltas() == [60_000, 120_000]


async def test_ends_of_two_calls_under_one_id_at_once_are_both_charged(
    charging: ChargingDesk,
) -> None:
    """The switch was cut off, and tells everything when it is back."""
    earlier, later = days_ago(charging, 3), days_ago(charging, 0)
    answers = await asyncio.gather(
        charging.close("s", 60, earlier), charging.close("s", 120, later)
    )
    assert [answer.cost_micros for answer in answers] == [60_000, 120_000]


async def test_a_call_may_begin_under_the_id_of_one_that_is_over(charging: ChargingDesk) -> None:
    """The switch was started again; what became of the earlier call does not matter."""
    for days in (3, 2, 1, 0):
        opened = await charging.open("s", days_ago(charging, days))
        assert (opened.verdict, opened.granted_seconds) == (Verdict.GRANTED, 60)
        assert (await charging.extend("s", 1, 50)).granted_seconds == 110
        if days > 1:
            await charging.close("s", 100)
        else:
            await charging.end_due(utc_now() + timedelta(days=1))
            charging.now = None
    assert await charging.desk.deltas() == [100_000, 100_000]


async def test_another_replica_takes_the_later_call_for_what_it_is(
    charging: ChargingDesk, purse: Purse
) -> None:
    """It saw the earlier call only, while that was going on."""
    other = ChargingDesk(charging.desk, PurseFunds(purse))
    await other.open("s", days_ago(charging, 3))
    await charging.close("s", 60)
    later = days_ago(charging, 0, leg="b")
    await charging.open("s", later)
    assert (await other.extend("s", 1, 50)).granted_seconds == 110
    assert (await other.session("s")).call == later


async def test_the_late_record_of_an_earlier_call_still_finds_its_charge(
    charging: ChargingDesk,
) -> None:
    """Clocks differ by a second, and another call has the session's id by now."""
    desk, earlier = charging.desk, days_ago(charging, 3)
    await charging.close("s", 60, earlier)
    await charging.close("s", 120, days_ago(charging, 0))
    start = call_start(earlier) - timedelta(seconds=1)
    await desk.collect(desk.call(call_key=KEY, seconds=60, start=start))
    assert await desk.deltas() == [60_000, 120_000, 0]


async def test_an_end_without_a_start_is_of_the_call_that_had_the_id_last(
    charging: ChargingDesk,
) -> None:
    """A switch that tells no start repeats the end of a call of hours ago."""
    call = days_ago(charging, 1)
    await charging.close("s", 60, call)
    again = CloseRequest(
        "s", 60_000, True, call=replace(call, start_micros=call.start_micros + 8 * 3_600_000_000),
        is_start_told=False,
    )  # fmt: skip
    answer = await charging.charging.close(charging.desk.tenant_id, again, DEADLINE_SECONDS)
    assert answer.cost_micros == 60_000
    assert await charging.desk.deltas() == [60_000]


@pytest.mark.parametrize("seconds_apart", [0, 3_500])
async def test_an_open_that_comes_again_after_the_end_begins_no_second_call(
    charging: ChargingDesk, seconds_apart: int
) -> None:
    """It is late, or its clock is wrong: the call is over."""
    call = charging.call()
    await charging.open("s", call)
    await charging.close("s", 60)
    late = replace(call, start_micros=call.start_micros + seconds_apart * 10**6)
    assert (await charging.open("s", late)).reason is Reason.SESSION_CLOSED
    assert (await charging.session("s")).state is SessionState.CLOSED


async def test_an_end_that_tells_less_than_the_open_is_of_the_same_call(
    charging: ChargingDesk,
) -> None:
    """Its switch leaves out key and leg, and repeats it: the call is charged once."""
    call = charging.call()
    await charging.open("sbc:1", call)
    for _ in range(2):
        await charging.close("sbc:1", 60, replace(call, call_key="1", leg=""))
    assert await charging.desk.deltas() == [60_000]


async def test_an_end_with_the_key_of_another_call_is_charged(charging: ChargingDesk) -> None:
    """Minutes after the call that had the id before."""
    await charging.close("s", 60, charging.call())
    await charging.close("s", 120, charging.call())
    assert await charging.desk.deltas() == [60_000, 120_000]
