"""Counters: what is given back, what is locked before, and which periods they count."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kernel.clock import from_micros, to_micros
from kernel.period import BillingCycle
from services.rating.domain.account import BundleGrant
from services.rating.domain.allowances.needed_counters import counter_keys
from services.rating.domain.counter_periods import CounterCycle
from services.rating.domain.counters import CounterBook, CounterState
from services.rating.domain.plans.plan import (
    BundleUnit,
    CounterPeriod,
    Measure,
    TierPrice,
)
from services.rating.domain.receipts.receipt import counter_uses
from tests.unit.rating.calls import (
    NOON,
    Shop,
    after,
    bundle,
    call,
    positions,
    volume_tiers,
)

HALF = TierPrice(500_000)


def test_a_corrected_call_first_gives_back_what_it_took() -> None:
    """From the receipt alone it is known what that was, and from which counters."""
    shop = Shop(
        bundles=(bundle(100), bundle(50_000, "credit", unit=BundleUnit.MONEY)),
        volume_tiers=(volume_tiers(Measure.QUANTITY, (100, HALF)),),
    )
    priced = shop.price(call(150))
    assert counter_uses(priced.receipt) == priced.counter_uses
    shop.book.give_back(counter_uses(priced.receipt))
    assert positions(shop) == [0, 0, 0]
    assert shop.price(call(150)).receipt == priced.receipt


def test_the_counters_that_pricing_reads_are_known_before() -> None:
    """Those of earlier periods, of grants and of tiers too; none for a plan without any."""
    assert not counter_keys(call(60), Shop().customer, Shop().tariff)
    shop = Shop(
        bundles=(bundle(100, rollover_periods=2, period=CounterPeriod.DAY),),
        volume_tiers=(volume_tiers(Measure.CALLS),),
    )
    grant = BundleGrant("grant", "payer", bundle(60, "extra"), 0, to_micros(after(NOON, 1)))
    customer = replace(shop.customer, grants=[grant])
    keys = counter_keys(call(60), customer, shop.tariff)
    assert sorted(key.code for key in keys) == ["extra", "free", "free", "free", "volume"]
    shop.price(call(1_000), customer)
    assert set(shop.book.states()) == set(keys)


def test_calls_are_counted_in_the_period_that_they_are_booked_in() -> None:
    """A late call of a sealed month counts in the open one."""
    shop = Shop(volume_tiers=(volume_tiers(Measure.CALLS),))
    april = datetime(2026, 4, 2, tzinfo=UTC)
    shop.micros(call(60, counting_micros=to_micros(april)))
    [key] = shop.book.states()
    assert key.period_start_micros == to_micros(datetime(2026, 4, 1, tzinfo=UTC))


def test_only_moved_counters_have_changed() -> None:
    """So that a store writes no others."""
    shop = Shop(bundles=(bundle(60), bundle(60, "second")))
    keys = counter_keys(call(60), shop.customer, shop.tariff)
    shop.book = CounterBook(dict.fromkeys(keys, CounterState(60, 0)))
    shop.price(call(10))
    assert [key.code for key in shop.book.changed()] == ["free"]


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        (CounterPeriod.DAY, (2026, 3, 29), (2026, 3, 30)),  # of 23 hours
        (CounterPeriod.WEEK, (2026, 3, 23), (2026, 3, 30)),
        (CounterPeriod.MONTH, (2026, 3, 1), (2026, 4, 1)),
    ],
)
def test_counters_by_day_week_and_month_begin_at_midnight_of_the_plans_zone(
    kind: CounterPeriod, start: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    """On the Sunday on which Amsterdam's clocks go forward."""
    cycle = CounterCycle(kind, BillingCycle("UTC", 5), "Europe/Amsterdam")
    period = cycle.period_at(to_micros(datetime(2026, 3, 29, 12, tzinfo=UTC)))
    amsterdam = ZoneInfo("Europe/Amsterdam")
    assert (from_micros(period.start_micros), from_micros(period.end_micros)) == (
        datetime(*start, tzinfo=amsterdam),
        datetime(*end, tzinfo=amsterdam),
    )


def test_counters_by_billing_period_follow_the_payer() -> None:
    """Not the plan's zone."""
    cycle = CounterCycle(CounterPeriod.BILLING, BillingCycle("UTC", 5), "Asia/Tokyo")
    period = cycle.period_at(to_micros(NOON))
    assert period.start_micros == to_micros(datetime(2026, 2, 5, tzinfo=UTC))
    assert period.end_micros == to_micros(datetime(2026, 3, 5, tzinfo=UTC))
