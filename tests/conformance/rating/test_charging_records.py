"""A call is settled once, by the end of its session, by its record, or by both."""

from dataclasses import replace
from datetime import timedelta

from kernel.clock import from_micros, utc_now
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.session import SessionState
from services.rating.domain.charging.transfers import hold_key
from tests.conformance.rating.charging_desk import (
    MINUTE,
    ChargingDesk,
    call_start,
)
from tests.conformance.rating.records import BEGINNING, euros, seconds_later
from tests.conformance.rating.test_counters import minutes
from tests.unit.rating.live_calls import Purse


async def test_the_record_of_a_call_settles_the_charge_of_its_session(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Its clock is a little off; the same duration adds nothing, another one corrects."""
    desk, call = charging.desk, charging.call()
    await charging.open("s", call)
    await charging.close("s", 60)
    start = from_micros(call.start_micros) + timedelta(seconds=1.5)
    record = desk.call(call_key=call.call_key, seconds=60, start=start)
    await desk.collect(record)
    assert await desk.deltas() == [MINUTE, 0]
    await desk.collect(record.corrected(seconds=65))
    assert await desk.deltas() == [MINUTE, 0, 5_000]
    assert euros([await desk.charge()]) == ["0.0650"]


async def test_a_record_that_comes_before_the_end_ends_the_session(charging: ChargingDesk) -> None:
    """The end that comes then charges nothing more; payment ends the hold by the event."""
    desk, call = charging.desk, charging.call()
    await charging.open("s", call)
    session = await charging.session("s")
    await desk.collect(desk.call(call_key=call.call_key, seconds=60, start=call_start(call)))
    assert (await charging.session("s")).state is SessionState.CLOSED
    assert (await charging.close("s", 61)).cost_micros == MINUTE
    assert await desk.deltas() == [MINUTE]
    [event] = await desk.published()
    assert event.key16("hold_id") == [hold_key(session.levels[0].hold_id)]


async def test_a_record_that_comes_before_an_end_that_nobody_opened_is_the_same_call(
    charging: ChargingDesk,
) -> None:
    """The switch's clocks differ by a second."""
    desk, call = charging.desk, charging.call()
    start = call_start(call) - timedelta(seconds=1)
    await desk.collect(desk.call(call_key=call.call_key, seconds=60, start=start))
    await charging.close("s", 60, call)
    assert await desk.deltas() == [MINUTE]


async def test_a_silent_session_expires_and_its_late_record_charges_it(
    charging: ChargingDesk,
) -> None:
    """Its record still names the hold, which may have ended by then."""
    desk, call = charging.desk, charging.call()
    await charging.open("s", call)
    assert await charging.end_due(utc_now() + timedelta(seconds=60)) == 0
    assert await charging.end_due(utc_now() + timedelta(seconds=400)) == 1
    assert (await charging.session("s")).state is SessionState.EXPIRED
    assert (await charging.extend("s", 1, 50)).reason is Reason.SESSION_EXPIRED
    await desk.collect(desk.call(call_key=call.call_key, seconds=300, start=call_start(call)))
    assert await desk.deltas() == [300_000]
    session = await charging.session("s")
    assert (session.state, session.cost_micros) == (SessionState.CLOSED, 300_000)


async def test_an_end_that_comes_after_its_session_expired_is_charged(
    charging: ChargingDesk,
) -> None:
    """The switch says nothing for minutes, then how long the call was, and not which it was."""
    await charging.open("s")
    await charging.end_due(utc_now() + timedelta(seconds=400))
    answer = await charging.close("s", 300)
    assert (answer.verdict, answer.cost_micros) == (Verdict.CLOSED, 300_000)
    assert await charging.desk.deltas() == [300_000]


async def test_a_call_that_went_on_though_it_was_refused_is_charged_as_its_end_tells(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Nothing is kept of the numbers of a call that was refused; its end names them."""
    call = charging.call()
    purse.money[charging.desk.account_id] = 0
    assert (await charging.open("s", call)).verdict is Verdict.REFUSED
    assert (await charging.session("s")).call.callee.digits == ""
    answer = await charging.close("s", 60, call)
    assert (answer.verdict, answer.cost_micros) == (Verdict.CLOSED, MINUTE)


async def test_units_of_a_call_are_free_for_its_own_record(
    charging: ChargingDesk, purse: Purse
) -> None:
    """The record comes while the session has the only minute reserved: the call is free."""
    desk, call = charging.desk, charging.call()
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(1)])
    purse.money[desk.account_id] = 0
    await charging.open("s", call)
    await desk.collect(desk.call(call_key=call.call_key, seconds=60, start=call_start(call)))
    assert await desk.deltas() == [0]
    assert await desk.standing() == {"minutes": (60, 60)}


async def test_an_expired_session_gives_its_units_back(charging: ChargingDesk) -> None:
    """Nobody waits for them any more."""
    desk = charging.desk
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(1)])
    await charging.open("s")
    assert await desk.standing() == {"minutes": (60, 60)}
    await charging.end_due(utc_now() + timedelta(seconds=400))
    assert await desk.standing() == {"minutes": (60, 0)}


async def test_the_record_of_one_leg_gives_back_no_units_of_another(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Each leg has a minute of the bundle set aside, and uses it."""
    desk, call = charging.desk, charging.call()
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(10)])
    await charging.open("a", call)
    await charging.open("b", replace(call, leg="b"))
    record = desk.call(call_key=call.call_key, seconds=60, start=call_start(call), leg="a")
    await desk.collect(record)
    assert await desk.standing() == {"minutes": (600, 120)}
    await charging.close("b", 60)
    assert await desk.standing() == {"minutes": (600, 120)}
