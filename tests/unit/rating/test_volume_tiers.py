"""Volume tiers: prices that depend on what was used before in a period."""

from dataclasses import replace

import pytest

from kernel.clock import to_micros
from services.rating.domain.counters import CounterState
from services.rating.domain.fees.volume_adjustment import volume_adjustment
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    Crossing,
    Measure,
    PriceAdjustment,
    TierPrice,
    VolumeMode,
)
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts.receipt import read_receipt
from services.rating.domain.usage import Service
from tests.unit.rating.calls import (
    NOON,
    Shop,
    after,
    bundle,
    call,
    deck,
    positions,
    rate,
    sent,
    volume_tiers,
)
from tests.unit.rating.terms import PLAN

CENT = 10_000
HALF, DOUBLE = TierPrice(500_000), TierPrice(2_000_000)


def test_graduated_tiers_price_each_second_where_the_counter_stands() -> None:
    """From second 100 of the period on half: of a call of 80 after one of 60, 40 s lie in each."""
    shop = Shop(volume_tiers=(volume_tiers(Measure.QUANTITY, (100, HALF)),))
    assert [shop.micros(call(60)), shop.micros(call(80))] == [60 * CENT, 40 * CENT + 20 * CENT]
    assert positions(shop) == [140]


def test_a_tier_may_set_a_price_in_place_of_all_before_it() -> None:
    """0.06 a minute, whatever the rate and its adjustments."""
    double = PriceAdjustment("double", Condition(), 2_000_000)
    cheap = TierPrice(price_nanos=60_000_000)
    shop = Shop(volume_tiers=(volume_tiers(Measure.QUANTITY, (60, cheap)),), adjustments=(double,))
    assert shop.micros(call(120)) == 120 * CENT + 60_000


def test_a_call_priced_at_its_start_lies_whole_in_the_tier_of_its_position() -> None:
    """Although the tier ends midway."""
    shop = Shop(
        volume_tiers=(volume_tiers(Measure.QUANTITY, (60, HALF)),), crossing=Crossing.AT_START
    )
    assert [shop.micros(call(100)), shop.micros(call(100))] == [100 * CENT, 50 * CENT]


def test_tiers_by_calls_count_each_call_that_pays_anything() -> None:
    """The third is the first at half; one that a bundle pays whole is not counted."""
    shop = Shop(volume_tiers=(volume_tiers(Measure.CALLS, (2, HALF)),), bundles=(bundle(60),))
    assert [shop.micros(call(60)) for _ in range(4)] == [0, 600_000, 600_000, 300_000]
    assert sorted(positions(shop)) == [3, 60]


def test_messages_count_one_each() -> None:
    """Three messages in one use move the counter by three."""
    by_calls = volume_tiers(Measure.CALLS, (3, HALF), when=Condition())
    shop = Shop([rate(CENT)], [deck(service=Service.SMS)], volume_tiers=(by_calls,))
    shop.micros(sent(3))
    assert positions(shop) == [3]


def test_tiers_by_spend_cut_what_a_call_costs_at_their_thresholds() -> None:
    """From 0.50 on double: a call of 0.60 costs 0.50 and 0.20, and counts 0.60."""
    shop = Shop(volume_tiers=(volume_tiers(Measure.SPEND, (500_000, DOUBLE)),))
    assert [shop.micros(call(60)), shop.micros(call(60))] == [700_000, 1_200_000]
    assert positions(shop) == [1_200_000]


def test_the_first_tiers_that_hold_when_a_call_begins_apply() -> None:
    """Others do not move."""
    peak = volume_tiers(Measure.CALLS, when=Condition(time_bands=("peak",)))
    rest = replace(volume_tiers(Measure.QUANTITY), code="rest")
    bands = (TimeBand("peak", to_minute=720), TimeBand("rest"))
    shop = Shop(volume_tiers=(peak, rest), time_bands=bands)
    shop.micros(call(60, after(NOON, -1)))
    shop.micros(call(60))
    counted = {key.code: state.used for key, state in shop.book.states().items()}
    assert counted == {"volume": 1, "rest": 60}


def test_whole_volume_tiers_change_no_price_and_keep_what_was_charged() -> None:
    """Connect fees included."""
    whole = volume_tiers(Measure.QUANTITY, (100, HALF), mode=VolumeMode.WHOLE_VOLUME)
    shop = Shop([rate(connect_fee_micros=CENT)], volume_tiers=(whole,))
    assert [shop.micros(call(60)), shop.micros(call(60))] == [61 * CENT, 61 * CENT]
    assert list(shop.book.states().values()) == [CounterState(0, 120, 122 * CENT)]


@pytest.mark.parametrize(
    ("used", "spent", "tier", "amount"),
    [
        (99, 990_000, HALF, 0),
        (100, 1_000_000, HALF, -500_000),
        (100, 1_000_000, DOUBLE, 1_000_000),
        (120, 1_200_000, TierPrice(price_nanos=300_000_000), -600_000),
    ],
)
def test_a_sealed_period_settles_its_whole_volume_at_the_tier_that_was_reached(
    used: int, spent: int, tier: TierPrice, amount: int
) -> None:
    """One adjustment: up, down, or nothing."""
    whole = volume_tiers(Measure.QUANTITY, (100, tier), mode=VolumeMode.WHOLE_VOLUME)
    shop = Shop(volume_tiers=(whole,))
    shop.micros(call(1))
    [key] = shop.book.states()
    terms = shop.tariff.terms_at(PLAN.plan_id, to_micros(NOON))
    assert terms is not None
    state = CounterState(0, used, spent)
    adjustment = volume_adjustment(key, state, whole, terms, "EUR", shop.tariff)
    assert adjustment.amount_micros == amount
    assert read_receipt(adjustment.receipt)["volume"]["count"] == used
