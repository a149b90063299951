"""While payment or the database does not answer, the account's policy does; nothing is lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from chassis.database.engine import Database
from kernel.clock import to_micros, utc_now
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.offline import CLOSE_SEQUENCE
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.session import SessionState
from services.rating.store.spool import Spool
from tests.conformance.rating.charging_desk import EURO, number
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.outage_replica import (
    ALLOWANCE_SECONDS,
    ALLOWED,
    ALLOWING,
    DEADLINE_SECONDS,
    DENIED,
    FailingFunds,
    Replica,
    hanging,
    verdict,
)
from tests.unit.rating.live_calls import Purse
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

# What a busy machine may need beyond the deadline to come back to us.
WAKING_SECONDS_MAX = 1.0


async def test_an_account_is_allowed_its_seconds_while_payment_does_not_answer(
    replica: Replica, funds: FailingFunds, purse: Purse
) -> None:
    """They are part of its session at once; the next extend holds money for all that was used."""
    funds.is_down = True
    opened = await replica.open("s")
    assert (verdict(opened), opened.granted_seconds) == (ALLOWED, ALLOWANCE_SECONDS)
    await replica.records.feed()
    assert await replica.recorded() == [("s", 0, Reason.OFFLINE_ALLOWANCE, ALLOWANCE_SECONDS)]
    session = await replica.plain.session("s")
    assert session.granted_seconds == ALLOWANCE_SECONDS
    # The outage goes on, and the allowance was given.
    assert verdict(await replica.extend("s", 1, ALLOWANCE_SECONDS)) == DENIED
    funds.is_down = False
    extended = await replica.extend("s", 2, ALLOWANCE_SECONDS)
    assert (extended.verdict, extended.granted_seconds) == (Verdict.GRANTED, 105)
    assert sum(micros for _, micros in purse.held.values()) == 105_000
    assert (await replica.close("s", 60)).cost_micros == 60_000
    assert await replica.desk.deltas() == [60_000]


async def test_an_account_that_may_not_call_on_credit_is_refused(
    replica: Replica, funds: FailingFunds
) -> None:
    """That is recorded too, and holds no longer than the outage."""
    funds.is_down = True
    await replica.set_policy(DEFAULT_POLICY)
    assert verdict(await replica.open("denied")) == DENIED
    await replica.set_policy(ALLOWING)
    assert verdict(await replica.open("allowed")) == ALLOWED
    await replica.records.feed()
    assert await replica.recorded() == [
        ("denied", 0, Reason.FUNDS_UNAVAILABLE, 0),
        ("allowed", 0, Reason.OFFLINE_ALLOWANCE, ALLOWANCE_SECONDS),
    ]
    funds.is_down = False
    assert verdict(await replica.open("denied")) == (Verdict.GRANTED, Reason.NONE)


async def test_the_deadline_holds_while_the_database_hangs(
    replica: Replica, database: Database
) -> None:
    """A call begins, goes on and ends; emergencies begin; what is unknown is denied."""
    await replica.open("before")
    with hanging(database):
        begin = time.monotonic()
        emergency = number("112", NumberKind.EMERGENCY)
        answers = await asyncio.gather(
            replica.open("s"),
            replica.open("nobody", account_id="nobody"),
            replica.open("emergency", callee=emergency, account_id=""),
            replica.extend("before", 1, 50),
        )
        assert time.monotonic() - begin < DEADLINE_SECONDS + WAKING_SECONDS_MAX
        assert [verdict(answer) for answer in answers] == [ALLOWED, DENIED, ALLOWED, ALLOWED]
        assert answers[3].granted_seconds == 50 + ALLOWANCE_SECONDS
        assert (await replica.close("s", 30)).verdict is Verdict.CLOSED
    await replica.records.feed()
    assert await replica.desk.deltas() == [30_000]
    assert (await replica.plain.session("s")).state is SessionState.CLOSED
    before = await replica.plain.session("before")
    assert (before.granted_seconds, before.used_seconds) == (50 + ALLOWANCE_SECONDS, 50)
    assert {each[:2] for each in await replica.recorded()} == {
        ("before", 1),
        ("s", 0),
        ("s", CLOSE_SEQUENCE),
    }


async def test_a_replica_that_is_killed_loses_no_answer_and_stores_none_twice(
    replica: Replica, funds: FailingFunds, tmp_path: Path
) -> None:
    """The next process stores what the spool has, though the first had stored a part of it."""
    funds.is_down = True
    await replica.open("first")
    for segment in replica.spool.take():
        segment.close()
    spooled = {path: path.read_bytes() for path in (tmp_path / "spool").iterdir()}
    await replica.records.feed()
    await replica.open("second")
    for segment in replica.spool.take():
        segment.close()
    # As if it had been killed between the commit and the removal of the file.
    for path, content in spooled.items():
        path.write_bytes(content)
    successor = Replica(replica.desk, funds, Spool(tmp_path / "spool"))
    await successor.records.feed()
    expected = [("first", 0), ("second", 0)]
    assert [each[:2] for each in await successor.recorded()] == expected
    assert (await successor.plain.session("second")).granted_seconds == ALLOWANCE_SECONDS
    assert list((tmp_path / "spool").iterdir()) == []
    # What is stored is answered again to who repeats it, though payment is still away.
    assert verdict(await successor.open("second")) == ALLOWED


async def test_nothing_is_allowed_that_cannot_be_kept(
    desk: Desk, funds: FailingFunds, tmp_path: Path
) -> None:
    """The spool is full: a call is denied, an end is refused so that it is told again."""
    replica = Replica(desk, funds, Spool(tmp_path / "spool", bytes_max=100))
    await replica.set_policy(ALLOWING)
    await replica.open("before")
    funds.is_down = True
    assert verdict(await replica.open("s")) == DENIED
    emergency = number("112", NumberKind.EMERGENCY)
    assert (await replica.open("e", callee=emergency)).verdict is Verdict.GRANTED
    with hanging(desk.database), pytest.raises(DomainError) as refused:
        await replica.close("before", 10)
    assert refused.value.reason == "FUNDS_UNAVAILABLE"


async def test_the_background_stores_answers_as_soon_as_the_database_answers(
    replica: Replica, database: Database
) -> None:
    """Whatever it was told by the database before."""
    watch = asyncio.create_task(replica.records.watch())
    with hanging(database):
        assert verdict(await replica.open("s")) == ALLOWED
    async with asyncio.timeout(30):
        while len(await replica.recorded()) < 1:
            await asyncio.sleep(0.01)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


async def test_a_blocked_account_gets_nothing_on_credit(
    replica: Replica, funds: FailingFunds
) -> None:
    """By what the replica has heard last."""
    desk = replica.desk
    moment = utc_now()
    blocked = AccountBlocked(account_id=desk.account_id, reason="fraud")
    blocked.block_time.FromMicroseconds(to_micros(moment))
    await desk.hear(blocked)
    await desk.memory.basis(desk.tenant_id, [desk.account_id])
    funds.is_down = True
    assert (await replica.open("s")).reason is Reason.ACCOUNT_BLOCKED
    with hanging(desk.database):
        assert (await replica.open("t")).verdict is Verdict.REFUSED


async def test_a_call_that_begins_in_an_outage_under_the_id_of_another_has_its_allowance(
    replica: Replica, funds: FailingFunds
) -> None:
    """The switch counts its ids anew; the earlier call is over, and both are charged."""
    await replica.open("s", call_key="earlier")
    await replica.close("s", 60)
    funds.is_down = True
    assert verdict(await replica.open("s", call_key="later")) == ALLOWED
    await replica.records.feed()
    session = await replica.plain.session("s")
    assert (session.call.call_key, session.state) == ("later", SessionState.ACTIVE)
    assert session.granted_seconds == ALLOWANCE_SECONDS
    funds.is_down = False
    await replica.extend("s", 1, ALLOWANCE_SECONDS)
    await replica.close("s", ALLOWANCE_SECONDS)
    assert await replica.desk.deltas() == [60_000, ALLOWANCE_SECONDS * 1_000]


@pytest.mark.parametrize("is_database_away", [False, True])
async def test_calls_of_one_outage_may_have_one_id_after_the_other(
    replica: Replica, funds: FailingFunds, purse: Purse, is_database_away: bool
) -> None:
    """The second is of another account; both are charged, and the second goes on afterwards."""
    desk, other_id = replica.desk, new_uuid()
    await desk.know_account(other_id)
    await desk.subscribe(other_id)
    await replica.set_policy(ALLOWING, other_id)
    purse.money[other_id] = EURO
    funds.is_down = True
    with hanging(desk.database) if is_database_away else nullcontext():
        await replica.open("s", call_key="first")
        await replica.extend("s", 1, 20)
        await replica.close("s", 30)
        second = await replica.open("s", call_key="second", account_id=other_id)
        assert (verdict(second), second.granted_seconds) == (ALLOWED, ALLOWANCE_SECONDS)
    funds.is_down = False
    assert (await replica.extend("s", 1, ALLOWANCE_SECONDS)).verdict is Verdict.GRANTED
    await replica.close("s", 60)
    charged = [(await desk.charge(each)).amount for each in (desk.account_id, other_id)]
    assert charged == [desk.money(30_000), desk.money(60_000)]


async def test_an_open_that_is_repeated_in_an_outage_after_its_end_begins_no_second_call(
    replica: Replica, funds: FailingFunds
) -> None:
    """The session is over, whatever it was allowed."""
    await replica.open("s")
    await replica.close("s", 60)
    funds.is_down = True
    await replica.open("s")
    await replica.records.feed()
    assert (await replica.plain.session("s")).state is SessionState.CLOSED
