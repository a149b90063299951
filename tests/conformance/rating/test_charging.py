"""Calls are charged while they run: nobody spends what is not there, nobody pays twice."""

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chassis.grpc.convert import time_to_proto
from kernel.clock import from_micros, utc_now
from kernel.e164 import DialledNumber, NumberKind
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import OfflineAnswer
from services.rating.domain.charging.requests import ChargedCall, OpenRequest
from services.rating.domain.charging.session import SessionState
from services.rating.usecases.charging.adopt_offline import adopt_offline
from tests.conformance.rating.charging_desk import ChargingDesk, Crash, CrashError, PurseFunds
from tests.conformance.rating.desk import (
    BEGINNING,
    MOBILE,
    NETHERLANDS,
    UNKNOWN,
    Desk,
    euros,
    seconds_later,
)
from tests.conformance.rating.test_counters import minutes
from tests.conformance.rating.test_parties import WHOLESALE, reseller
from tests.unit.rating.live_calls import Purse
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

EURO = 10**6
# An open, an extend and a close take ten steps, with a place to crash before and after each. A
# capture that was lost comes with the event.
PLACES, CAPTURE = 18, 15
MINUTE = 60_000  # what a minute to the Netherlands costs, in micros


@pytest.fixture
async def purse(desk: Desk) -> Purse:
    return Purse({desk.account_id: EURO})


@pytest.fixture
async def charging(desk: Desk, purse: Purse) -> ChargingDesk:
    return ChargingDesk(desk, PurseFunds(purse))


def now_of(call: ChargedCall) -> datetime:
    return from_micros(call.start_micros)


def uuid_bytes(text: str) -> bytes:
    return uuid.UUID(text).bytes


def number(digits: str, kind: NumberKind = NumberKind.E164) -> DialledNumber:
    return DialledNumber(digits, kind)


async def test_a_call_is_opened_extended_and_charged(charging: ChargingDesk, purse: Purse) -> None:
    """A minute costs 0.06: a minute is held, then more, and what was used is charged."""
    opened = await charging.open("s")
    assert (opened.verdict, opened.granted_seconds) == (Verdict.GRANTED, 60)
    assert (opened.held_micros, opened.currency) == (MINUTE, "EUR")
    assert opened.price_per_minute_nanos == 60_000_000
    extended = await charging.extend("s", 1, 50)
    assert (extended.granted_seconds, extended.held_micros) == (110, 110_000)
    assert extended.cost_micros == 50_000
    closed = await charging.close("s", 100)
    assert (closed.verdict, closed.cost_micros) == (Verdict.CLOSED, 100_000)
    assert euros([await charging.desk.charge()]) == ["0.1000"]
    assert not purse.held


async def test_every_repetition_gets_the_first_answer(charging: ChargingDesk) -> None:
    """An open, an extend and a close, each sent twice, have one effect."""
    call = charging.call()
    opened = await charging.open("s", call)
    assert await charging.open("s", replace(call, start_micros=call.start_micros + 5)) == opened
    extended = await charging.extend("s", 1, 50)
    assert await charging.extend("s", 1, 50) == extended
    closed = await charging.close("s", 100)
    assert await charging.close("s", 100) == closed
    assert await charging.desk.deltas() == [100_000]


async def test_an_older_extend_is_refused_as_out_of_order(charging: ChargingDesk) -> None:
    """The second was answered already; sequences may have gaps."""
    await charging.open("s")
    await charging.extend("s", 51, 50)
    with pytest.raises(DomainError, match="came after request 51"):
        await charging.extend("s", 31, 30)


async def test_the_id_of_another_call_is_refused(charging: ChargingDesk) -> None:
    """The same session id with another call key."""
    await charging.open("s")
    with pytest.raises(DomainError) as refused:
        await charging.open("s")
    assert refused.value.reason == "SESSION_CONFLICT"


async def test_nothing_goes_on_after_the_end(charging: ChargingDesk) -> None:
    """Neither a closed nor a refused nor an unknown session is extended."""
    await charging.open("closed")
    await charging.close("closed", 10)
    await charging.open("refused", charging.call(callee=number(UNKNOWN)))
    reasons = [(await charging.extend(each, 1, 5)).reason for each in ("closed", "refused", "none")]
    assert reasons == [Reason.SESSION_CLOSED, Reason.SESSION_REFUSED, Reason.UNKNOWN_SESSION]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"callee": number(UNKNOWN)}, Reason.NO_RATE),
        ({"callee": number("")}, Reason.INVALID_NUMBER),
        ({"account_id": "nobody"}, Reason.UNKNOWN_ACCOUNT),
        ({"account_id": "", "line": "nobody"}, Reason.UNKNOWN_ACCOUNT),
    ],
)
async def test_a_call_that_cannot_be_charged_is_refused_with_its_reason(
    charging: ChargingDesk, changes: dict[str, object], reason: Reason
) -> None:
    """And is refused alike when it asks again."""
    call = charging.call(**changes)
    answer = await charging.open("s", call)
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, reason)
    assert await charging.open("s", call) == answer


async def test_a_call_without_money_is_refused(charging: ChargingDesk, purse: Purse) -> None:
    """By whole minutes at 0.12 a mobile takes more than 0.11."""
    purse.money[charging.desk.account_id] = 110_000
    answer = await charging.open("s", charging.call(callee=number(MOBILE)))
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, Reason.INSUFFICIENT_FUNDS)
    assert (await charging.session("s")).state is SessionState.REFUSED


async def test_calls_at_once_are_granted_what_the_balance_covers_and_no_more(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Thirty calls on the credit of one: 90 seconds at a minute a slice are a call and a half."""
    purse.money[charging.desk.account_id] = 90_000
    answers = await asyncio.gather(*(charging.open(f"s{each}") for each in range(30)))
    granted = sorted(answer.granted_seconds for answer in answers if answer.granted_seconds)
    assert sum(granted) == 90
    assert purse.available(charging.desk.account_id) == 0


async def test_a_blocked_account_hangs_up_with_its_next_extend(charging: ChargingDesk) -> None:
    """And opens nothing more."""
    await charging.open("s")
    blocked = AccountBlocked(account_id=charging.desk.account_id, reason="fraud")
    blocked.block_time.CopyFrom(time_to_proto(utc_now()))
    await charging.desk.hear(blocked)
    answer = await charging.extend("s", 1, 30)
    assert (answer.verdict, answer.reason) == (Verdict.HANG_UP, Reason.ACCOUNT_BLOCKED)
    assert (await charging.open("other")).reason is Reason.ACCOUNT_BLOCKED


async def test_emergency_calls_pass_whoever_calls(charging: ChargingDesk, purse: Purse) -> None:
    """Without an account, without money, without a hold."""
    call = charging.call(account_id="", callee=number("112", NumberKind.EMERGENCY))
    opened = await charging.open("s", call)
    assert (opened.verdict, opened.granted_seconds) == (Verdict.GRANTED, 86_400)
    assert (await charging.extend("s", 1, 100)).verdict is Verdict.GRANTED
    assert (await charging.close("s", 100)).verdict is Verdict.CLOSED
    assert not purse.held


async def test_an_unanswered_call_costs_nothing_and_gives_its_money_back(
    charging: ChargingDesk, purse: Purse
) -> None:
    """It is charged at zero."""
    await charging.open("s")
    answer = await charging.close("s", 0, answered=False)
    assert (answer.verdict, answer.cost_micros) == (Verdict.CLOSED, 0)
    assert euros([await charging.desk.charge()]) == ["0.0000"]
    assert not purse.held


async def test_a_close_that_nobody_opened_is_charged(charging: ChargingDesk) -> None:
    """It has to say which call it was."""
    answer = await charging.close("s", 60, charging.call())
    assert (answer.verdict, answer.cost_micros) == (Verdict.CLOSED, MINUTE)
    assert (await charging.close("s", 60)).cost_micros == MINUTE
    with pytest.raises(DomainError) as unknown:
        await charging.close("other", 60)
    assert unknown.value.reason == "UNKNOWN_SESSION"


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
    await desk.collect(desk.call(call_key=call.call_key, seconds=60, start=now_of(call)))
    assert (await charging.session("s")).state is SessionState.CLOSED
    assert (await charging.close("s", 61)).cost_micros == MINUTE
    assert await desk.deltas() == [MINUTE]
    [event] = await desk.published()
    assert event.key16("hold_id") == [uuid_bytes(session.levels[0].hold_id)]


async def test_a_record_that_comes_before_an_end_that_nobody_opened_is_the_same_call(
    charging: ChargingDesk,
) -> None:
    """The switch's clocks differ by a second."""
    desk, call = charging.desk, charging.call()
    start = now_of(call) - timedelta(seconds=1)
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
    await desk.collect(desk.call(call_key=call.call_key, seconds=300, start=now_of(call)))
    assert await desk.deltas() == [300_000]
    session = await charging.session("s")
    assert (session.state, session.cost_micros) == (SessionState.CLOSED, 300_000)


async def test_calls_at_once_share_a_bundle_and_never_its_units(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Two minutes are included and there is no money: of five calls, two get a minute each."""
    desk = charging.desk
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(2)])
    purse.money[desk.account_id] = 0
    answers = await asyncio.gather(*(charging.open(f"s{each}") for each in range(5)))
    assert sorted(answer.granted_seconds for answer in answers) == [0, 0, 0, 60, 60]
    assert await desk.standing() == {"minutes": (120, 120)}
    granted = [answer.session_id for answer in answers if answer.granted_seconds]
    assert (await charging.close(granted[0], 20)).cost_micros == 0
    assert await desk.standing() == {"minutes": (120, 80)}
    # What the first gave back is there for the second.
    assert (await charging.extend(granted[1], 1, 60)).granted_seconds == 100
    await charging.close(granted[1], 100)
    assert await desk.standing() == {"minutes": (120, 120)}
    assert await desk.deltas() == [0, 0]


async def test_units_of_a_call_are_free_for_its_own_record(
    charging: ChargingDesk, purse: Purse
) -> None:
    """The record comes while the session has the only minute reserved: the call is free."""
    desk, call = charging.desk, charging.call()
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(1)])
    purse.money[desk.account_id] = 0
    await charging.open("s", call)
    await desk.collect(desk.call(call_key=call.call_key, seconds=60, start=now_of(call)))
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


async def test_resellers_have_holds_of_their_own(charging: ChargingDesk, purse: Purse) -> None:
    """A minute is 0.06 for the customer and 0.04 for who sells to him; each pays for himself."""
    desk = charging.desk
    top = await reseller(desk, WHOLESALE, "wholesale")
    await desk.know_account(desk.account_id, reseller_account_id=top)
    purse.money[top] = EURO
    await charging.open("s")
    assert sorted(purse.held.values()) == sorted([(desk.account_id, MINUTE), (top, 40_000)])
    await charging.close("s", 30)
    assert sorted(await desk.deltas()) == [20_000, 30_000]
    assert not purse.held


async def test_a_reseller_without_money_refuses_and_the_customer_gets_his_back(
    charging: ChargingDesk, purse: Purse
) -> None:
    """The customer could pay."""
    desk = charging.desk
    top = await reseller(desk, WHOLESALE, "wholesale")
    await desk.know_account(desk.account_id, reseller_account_id=top)
    purse.money[top] = 0
    answer = await charging.open("s")
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, Reason.RESELLER_REFUSED)
    assert not purse.held


async def test_a_live_call_shows_what_it_has_cost_so_far(charging: ChargingDesk) -> None:
    """Ninety seconds after the answer it has cost 0.09."""
    desk = charging.desk
    await charging.open("old")
    await charging.close("old", 1)
    call = charging.call()
    await charging.open("s", call)
    answered = call.start_micros + 5 * 10**6
    await charging.extend("s", 1, 1, answer_micros=answered)
    charging.now = from_micros(answered) + timedelta(seconds=90)
    [live] = await charging.charging.live_calls(desk.tenant_id, desk.account_id, None, 10)
    assert (live.session.session_id, live.cost_micros) == ("s", 90_000)
    assert not await charging.charging.live_calls(desk.tenant_id, "other", None, 10)


async def test_a_call_that_is_to_hang_up_hears_of_it_with_its_next_extend(
    charging: ChargingDesk,
) -> None:
    """And not after its end."""
    await charging.open("s")
    await charging.hang_up("s")
    answer = await charging.extend("s", 1, 30)
    assert (answer.verdict, answer.reason) == (Verdict.HANG_UP, Reason.HANG_UP_REQUESTED)
    await charging.close("s", 31)
    with pytest.raises(DomainError) as ended:
        await charging.hang_up("s")
    assert ended.value.reason == "SESSION_ENDED"


async def test_a_session_keeps_no_numbers_once_it_has_ended(charging: ChargingDesk) -> None:
    """They leave with the event, as those of every call."""
    await charging.open("s")
    assert (await charging.session("s")).call.callee.digits == NETHERLANDS
    await charging.close("s", 60)
    call = (await charging.session("s")).call
    assert (call.caller, call.callee.digits, call.line) == ("", "", "")


@pytest.mark.parametrize("place", range(PLACES))
async def test_a_crash_between_any_two_steps_ends_as_if_there_had_been_none(
    charging: ChargingDesk, purse: Purse, place: int
) -> None:
    """The replica dies at one of its steps; the switch repeats what was not answered."""
    call, crash = charging.call(), Crash(place)
    charging.crash_at(crash)
    opened = await crash.surviving(lambda: charging.open("s", call))
    extended = await crash.surviving(lambda: charging.extend("s", 1, 50))
    closed = await crash.surviving(lambda: charging.close("s", 100))
    assert (opened.granted_seconds, extended.granted_seconds) == (60, 110)
    assert closed.cost_micros == 100_000
    assert await charging.desk.deltas() == [100_000]
    assert (await charging.session("s")).state is SessionState.CLOSED
    assert not purse.held or place >= CAPTURE


async def test_an_open_that_nobody_answers_is_taken_on(
    charging: ChargingDesk, purse: Purse
) -> None:
    """The replica dies once the money is held, and the switch never asks again."""
    crash = Crash(3)
    charging.crash_at(crash)
    with pytest.raises(CrashError):
        await charging.open("s")
    assert (await charging.session("s")).state is SessionState.OPENING
    assert await charging.end_due(utc_now() + timedelta(seconds=11)) == 1
    session = await charging.session("s")
    assert (session.state, session.granted_seconds) == (SessionState.ACTIVE, 60)
    await charging.end_due(utc_now() + timedelta(seconds=500))
    assert (await charging.session("s")).state is SessionState.EXPIRED


async def test_what_was_allowed_in_an_outage_is_held_with_the_next_extend(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Two minutes went by on credit; then all of them are held, and charged in the end."""
    desk, call = charging.desk, charging.call()
    allowed = Answer("s", 0, Verdict.GRANTED, Reason.OFFLINE_ALLOWANCE, granted_seconds=120)
    opened = OfflineAnswer(
        desk.tenant_id, desk.account_id, OpenRequest("s", call), allowed, call.start_micros
    )
    await desk.database.write(lambda uow: adopt_offline(uow, [opened]))
    assert await charging.open("s", call) == allowed
    assert not purse.held
    answer = await charging.extend("s", 1, 110)
    assert (answer.granted_seconds, answer.held_micros) == (170, 170_000)
    assert (await charging.close("s", 115)).cost_micros == 115_000
    assert not purse.held
