"""Calls are charged while they run: what is asked, what is answered, what it costs."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis.grpc.convert import time_to_proto
from kernel.clock import from_micros, utc_now
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.session import SessionState
from tests.conformance.rating.charging_desk import (
    MINUTE,
    ChargingDesk,
    number,
)
from tests.conformance.rating.records import MOBILE, NETHERLANDS, UNKNOWN, euros
from tests.unit.rating.live_calls import Purse
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked


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


@pytest.mark.parametrize(
    "changes",
    [
        {"callee": number(MOBILE)},
        {"account_id": "another"},
        {"trunk": "another"},
        {"leg": "b"},
    ],
)
async def test_an_open_that_comes_again_altered_is_refused(
    charging: ChargingDesk, changes: dict[str, Any]
) -> None:
    """What was granted is for the call as it was: not for a dearer number, or at others' cost."""
    call = charging.call()
    await charging.open("s", call)
    with pytest.raises(DomainError) as refused:
        await charging.open("s", replace(call, **changes))
    assert refused.value.reason == "SESSION_CONFLICT"
    assert refused.value.metadata["field"] == next(iter(changes))


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


async def test_a_blocked_account_hangs_up_with_its_next_extend(charging: ChargingDesk) -> None:
    """And opens nothing more."""
    await charging.open("s")
    now = time_to_proto(utc_now())
    blocked = AccountBlocked(account_id=charging.desk.account_id, reason="fraud", block_time=now)
    await charging.desk.hear(blocked)
    answer = await charging.extend("s", 1, 30)
    assert (answer.verdict, answer.reason) == (Verdict.HANG_UP, Reason.ACCOUNT_BLOCKED)
    assert (await charging.open("other")).reason is Reason.ACCOUNT_BLOCKED


async def test_a_call_of_more_than_a_day_is_refused_more_and_disturbs_nobody(
    charging: ChargingDesk,
) -> None:
    """Its seconds have no price; the cost so far is a day's, and others go on."""
    for each in ("long", "short"):
        await charging.open(each)
    long, short = await asyncio.gather(
        charging.extend("long", 1, 90_000), charging.extend("short", 1, 10)
    )
    assert (long.verdict, long.reason) == (Verdict.REFUSED, Reason.INVALID_DURATION)
    assert (long.granted_seconds, long.cost_micros) == (60, 86_400_000)
    assert (short.verdict, short.granted_seconds) == (Verdict.GRANTED, 70)


async def test_an_emergency_call_may_last_for_days(charging: ChargingDesk) -> None:
    """It always has a day before it."""
    await charging.open("s", charging.call(callee=number("112", NumberKind.EMERGENCY)))
    assert (await charging.extend("s", 1, 90_000)).granted_seconds == 90_000 + 86_400


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


async def test_an_open_that_comes_again_does_not_let_a_call_go_on_that_is_to_hang_up(
    charging: ChargingDesk,
) -> None:
    """Neither before nor after an extend was told so, nor where the account was blocked."""
    call, blocked = charging.call(), charging.call()
    await charging.open("s", call)
    await charging.open("blocked", blocked)
    await charging.hang_up("s")
    hang_up = (Verdict.HANG_UP, Reason.HANG_UP_REQUESTED)
    for _ in range(2):
        again = await charging.open("s", call)
        assert (again.verdict, again.reason) == hang_up
        assert (await charging.extend("s", 1, 10)).verdict is Verdict.HANG_UP
    await charging.desk.hear(
        AccountBlocked(
            account_id=charging.desk.account_id, reason="fraud", block_time=time_to_proto(utc_now())
        )
    )
    await charging.extend("blocked", 1, 10)
    again = await charging.open("blocked", blocked)
    assert (again.verdict, again.reason) == (Verdict.HANG_UP, Reason.ACCOUNT_BLOCKED)


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
