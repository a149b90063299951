"""A top-up policy takes no more than its limits: by day and month where the account is."""

from datetime import UTC, datetime, timedelta

from kernel.money import Money
from services.payment.domain.collections.top_up import TOP_UPS_A_DAY_MAX
from services.payment.domain.ledger.account import PaymentMode
from tests.conformance.payment.books import account
from tests.conformance.payment.collecting import EXPIRED, FIVE, TEN, UNIT, Till

SECOND = timedelta(seconds=1)


async def test_a_runaway_is_bounded_a_day(till: Till) -> None:
    """Something empties the wallet again and again: ten times, then tomorrow."""
    payer = await till.customer(0)
    await till.set_top_up(payer, await till.attach(payer), FIVE, TEN)
    for _ in range(2 * TOP_UPS_A_DAY_MAX):
        await till.use(payer, TEN)
        await till.collect()
    assert till.taken() == [Money("EUR", TOP_UPS_A_DAY_MAX * TEN)]
    assert (await till.top_up(payer)).next_time.ToDatetime(UTC) == datetime(2027, 3, 11, tzinfo=UTC)


async def test_the_daily_limit_counts_what_is_pending(till: Till) -> None:
    """25 a day are two tens; the third comes with the next day."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    await till.set_top_up(payer, card, FIVE, TEN, daily_limit=25 * UNIT)
    await till.use(payer, 40 * UNIT)
    await till.collect()
    assert till.taken() == [Money("EUR", 2 * TEN)]
    await till.collect(timedelta(hours=11))
    assert till.taken() == [Money("EUR", 2 * TEN)]
    await till.collect(timedelta(hours=1))
    assert till.taken() == [Money("EUR", 4 * TEN)]


async def test_the_monthly_limit_waits_for_the_next_month(till: Till) -> None:
    """30 a month are three tens, whatever a day allows."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    await till.set_top_up(payer, card, FIVE, TEN, monthly_limit=30 * UNIT)
    await till.use(payer, 40 * UNIT)
    await till.collect()
    assert till.taken() == [Money("EUR", 3 * TEN)]
    april = datetime(2027, 4, 1, tzinfo=UTC)
    assert (await till.top_up(payer)).next_time.ToDatetime(UTC) == april
    await till.collect(april - till.clock() - SECOND)
    assert till.taken() == [Money("EUR", 3 * TEN)]
    await till.collect(SECOND)
    assert till.taken() == [Money("EUR", 5 * TEN)]


async def test_a_day_is_one_of_the_accounts_zone_also_when_clocks_change(till: Till) -> None:
    """28 March 2027 has 23 hours in Amsterdam: it ends at 22:00 UTC."""
    payer = account(PaymentMode.PREPAID)
    object.__setattr__(payer, "time_zone", "Europe/Amsterdam")
    await till.announce(payer)
    card = await till.attach(payer)
    # Saturday, 23:30 UTC: Sunday has begun half an hour ago.
    till.clock.now = datetime(2027, 3, 27, 23, 30, tzinfo=UTC)
    await till.set_top_up(payer, card, FIVE, TEN, daily_limit=TEN)
    await till.use(payer, 20 * UNIT)
    await till.collect()
    next_time = (await till.top_up(payer)).next_time.ToDatetime(UTC)
    assert next_time == datetime(2027, 3, 28, 22, tzinfo=UTC)
    await till.collect(next_time - till.clock())
    assert till.taken() == [Money("EUR", 2 * TEN)]


async def test_declined_collections_count_for_no_limit(till: Till) -> None:
    """No money was taken."""
    payer = await till.customer(0)
    bad = await till.attach(payer, EXPIRED)
    await till.set_top_up(payer, bad, FIVE, TEN, daily_limit=TEN)
    await till.collect()
    card = await till.attach(payer)
    await till.set_top_up(payer, card, FIVE, TEN, daily_limit=TEN)
    await till.collect()
    assert await till.wallet(payer) == TEN
