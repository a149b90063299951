"""rating and payment together: what is granted is held, and what was used is paid once."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.database.engine import Database
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.usecases.charging.funds import Funds
from tests.conformance.rating.charging_desk import EURO, ChargingDesk, Crash
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.real_payment import RealPayment, serving_payment
from tests.conformance.rating.test_charging_at_once import PLACES
from tests.conformance.rating.test_parties import WHOLESALE, reseller
from tests.conftest import Templates, schema_of

CALLS = 30


@pytest.fixture
async def payment(desk: Desk, templates: Templates, tmp_path: Path) -> AsyncIterator[RealPayment]:
    """payment, where the desk's account has a euro."""
    file = tmp_path / "payment.sqlite3"
    shutil.copyfile(templates.file(schema_of("payment")), file)
    database = Database.open(f"sqlite:///{file}")
    async with serving_payment(database, tmp_path, desk.tenant_id) as served:
        await served.give(desk.account_id, EURO)
        yield served
    database.close()


@pytest.fixture
async def paid(desk: Desk, payment: RealPayment) -> ChargingDesk:
    """A replica of rating that asks this payment for holds."""
    return ChargingDesk(desk, Funds(payment.channel))


async def test_a_call_is_paid_once_by_capture_and_by_event(
    paid: ChargingDesk, payment: RealPayment
) -> None:
    """The event that follows the capture finds everything done."""
    account_id = paid.desk.account_id
    await paid.open("s")
    await paid.extend("s", 1, 50)
    [hold] = await payment.holds(account_id)
    assert (hold.held.nanos, hold.reference) == (110_000_000, "s")
    assert (await paid.close("s", 100)).cost_micros == 100_000
    await payment.until_settled(account_id)
    assert await payment.wallet(account_id) == 900_000
    await payment.hear(paid.desk.database)
    assert await payment.wallet(account_id) == 900_000


async def test_calls_at_once_never_hold_more_than_the_balance(
    paid: ChargingDesk, payment: RealPayment
) -> None:
    """Thirty calls on 1.00 at a cent in ten seconds: a thousand seconds, and not one more."""
    answers = await asyncio.gather(*(paid.open(f"s{place}") for place in range(CALLS)))
    granted = [answer for answer in answers if answer.verdict is Verdict.GRANTED]
    assert sum(answer.granted_seconds for answer in granted) == 1_000
    refused = {answer.reason for answer in answers} - {Reason.NONE}
    assert refused == {Reason.INSUFFICIENT_FUNDS}
    ends = [paid.close(each.session_id, each.granted_seconds) for each in granted]
    assert sum(answer.cost_micros for answer in await asyncio.gather(*ends)) == EURO
    await payment.until_settled(paid.desk.account_id)
    assert await payment.wallet(paid.desk.account_id) == 0


@pytest.mark.parametrize("place", range(PLACES))
async def test_a_crash_anywhere_neither_loses_nor_repeats_a_payment(
    paid: ChargingDesk, payment: RealPayment, place: int
) -> None:
    """The switch repeats what was not answered; the event brings a capture that was lost."""
    call, crash, account_id = paid.call(), Crash(place), paid.desk.account_id
    paid.crash_at(crash)
    await crash.surviving(lambda: paid.open("s", call))
    await crash.surviving(lambda: paid.extend("s", 1, 50))
    closed = await crash.surviving(lambda: paid.close("s", 100))
    assert closed.cost_micros == 100_000
    await payment.hear(paid.desk.database)
    assert await payment.wallet(account_id) == 900_000
    assert not await payment.holds(account_id)


async def test_a_record_without_an_end_is_paid_from_the_hold(
    paid: ChargingDesk, payment: RealPayment
) -> None:
    """The switch only wrote its record: the event takes the money and ends the hold."""
    desk, call = paid.desk, paid.call()
    await paid.open("s", call)
    await desk.collect(desk.call(call_key=call.call_key, seconds=45, start=paid.time()))
    await payment.hear(desk.database)
    assert await payment.wallet(desk.account_id) == 955_000
    assert not await payment.holds(desk.account_id)


async def test_a_reseller_that_cannot_pay_leaves_nobodys_money_held(
    paid: ChargingDesk, payment: RealPayment
) -> None:
    """The customer's hold is released again."""
    desk = paid.desk
    top = await reseller(desk, WHOLESALE, "wholesale")
    await desk.know_account(desk.account_id, reseller_account_id=top)
    await payment.give(top, 0)
    assert (await paid.open("s")).reason is Reason.RESELLER_REFUSED
    assert not await payment.holds(desk.account_id)
