"""Whatever happens at once, again, or halfway: no money and no unit is spent twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.clock import utc_now
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import OfflineAnswer
from services.rating.domain.charging.requests import OpenRequest
from services.rating.domain.charging.session import SessionState
from services.rating.usecases.charging.adopt_offline import adopt_offline
from tests.conformance.rating.charging_desk import (
    EURO,
    MINUTE,
    ChargingDesk,
    Crash,
    CrashError,
)
from tests.conformance.rating.records import BEGINNING, seconds_later
from tests.conformance.rating.test_counters import minutes
from tests.conformance.rating.test_parties import WHOLESALE, reseller
from tests.unit.rating.live_calls import Purse

# An open, an extend and a close take nine steps, with a place to crash before and after each. A
# capture that was lost comes with the event.
PLACES, CAPTURE = 18, 15


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


async def test_calls_at_once_are_granted_what_the_balance_covers_and_no_more(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Thirty calls on the credit of one: 90 seconds at a minute a slice are a call and a half."""
    purse.money[charging.desk.account_id] = 90_000
    answers = await asyncio.gather(*(charging.open(f"s{each}") for each in range(30)))
    granted = sorted(answer.granted_seconds for answer in answers if answer.granted_seconds)
    assert sum(granted) == 90
    assert purse.available(charging.desk.account_id) == 0


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


async def test_an_open_that_nobody_waits_for_is_refused_and_its_money_is_free(
    charging: ChargingDesk, purse: Purse
) -> None:
    """The replica dies once the money is held, and the switch never asks again."""
    crash = Crash(3)
    charging.crash_at(crash)
    with pytest.raises(CrashError):
        await charging.open("s")
    assert (await charging.session("s")).state is SessionState.OPENING
    assert purse.held
    assert await charging.end_due(utc_now() + timedelta(seconds=11)) == 1
    session = await charging.session("s")
    assert (session.state, session.reason) == (SessionState.REFUSED, Reason.FUNDS_UNAVAILABLE)
    assert not purse.held


async def test_an_open_that_is_asked_again_waits_anew(charging: ChargingDesk, purse: Purse) -> None:
    """The switch repeats what was not answered, long after: its call is granted."""
    crash = Crash(3)
    charging.crash_at(crash)
    call = charging.call()
    with pytest.raises(CrashError):
        await charging.open("s", call)
    charging.now = utc_now() + timedelta(seconds=11)
    answer = await charging.open("s", call)
    assert (answer.verdict, answer.granted_seconds) == (Verdict.GRANTED, 60)


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
    assert await desk.deltas() == [115_000]
    assert not purse.held


async def test_an_impossible_end_spoils_no_other_that_comes_at_once(
    charging: ChargingDesk,
) -> None:
    """A switch tells of a call of 1969; its neighbours of the same transaction are charged."""
    absurd = charging.call(start_micros=-1)
    for session_id in ("first", "second"):
        await charging.open(session_id)
    answers = await asyncio.gather(
        charging.close("first", 10),
        charging.close("absurd", 10, absurd),
        charging.close("second", 20),
        return_exceptions=True,
    )
    assert [getattr(answer, "cost_micros", None) for answer in answers] == [10_000, None, 20_000]
    assert isinstance(answers[1], DomainError)
