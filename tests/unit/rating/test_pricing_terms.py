"""Adjustments, caps, minimum charges, and what conditions make of them."""

from typing import Any

import pytest

from services.rating.domain.plans.conditions import Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import PriceAdjustment, PriceCap
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts.receipt import read_receipt
from services.rating.domain.usage import Service
from tests.unit.rating.calls import NOON, Shop, after, call, deck, rate, sent

CENT = 10_000
FEE = 50_000


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition(), True),
        (Condition(service=Service.VOICE), True),
        (Condition(service=Service.SMS), False),
        (Condition(destination_prefixes=("44", "316")), True),
        (Condition(destination_prefixes=("317",)), False),
        (Condition(origin_prefixes=("3120",)), True),
        (Condition(origin_prefixes=("44",)), False),
        (Condition(relations=(Relation.ON_NET,)), False),
        (Condition(relations=(Relation.OFF_NET,)), True),
        (Condition(jurisdictions=(Jurisdiction.INTRASTATE,)), False),
        (Condition(service=Service.VOICE, origin_prefixes=("44",)), False),
    ],
)
def test_an_adjustment_applies_where_all_of_its_condition_holds(
    condition: Condition, holds: bool
) -> None:
    """A discount of a half."""
    shop = Shop(adjustments=(PriceAdjustment("half", condition, 500_000),))
    assert shop.micros(call(60)) == (30 if holds else 60) * CENT


def test_calls_on_net_may_be_free() -> None:
    """A factor of 0 for one relation only."""
    free = PriceAdjustment("on-net", Condition(relations=(Relation.ON_NET,)), 0)
    shop = Shop(adjustments=(free,))
    assert shop.micros(call(60, relation=Relation.ON_NET)) == 0
    assert shop.micros(call(60, relation=Relation.SAME_ACCOUNT)) == 60 * CENT


def test_adjustments_are_taken_in_their_order_and_no_price_falls_below_nothing() -> None:
    """(0.60 - 0.50) x 2 is 0.20 a minute; 0.60 - 0.70 is nothing, and times 2 still nothing."""
    double = PriceAdjustment("double", Condition(), 2_000_000)

    def less(nanos: int) -> PriceAdjustment:
        return PriceAdjustment("less", Condition(), surcharge_nanos=-nanos)

    assert Shop(adjustments=(less(500_000_000), double)).micros(call(60)) == 200_000
    assert Shop(adjustments=(less(700_000_000), double)).micros(call(60)) == 0
    assert Shop(adjustments=(double, less(700_000_000))).micros(call(60)) == 500_000


def test_a_factor_reaches_the_connect_fee_only_if_it_says_so() -> None:
    """By the band in which the call begins; surcharges never do."""
    bands = (TimeBand("peak", to_minute=720), TimeBand("rest"))

    def shop(includes: bool) -> Shop:
        double = PriceAdjustment(
            "double", Condition(time_bands=("peak",)), 2_000_000, 0, includes_connect_fee=includes
        )
        return Shop([rate(0, connect_fee_micros=FEE)], time_bands=bands, adjustments=(double,))

    assert shop(True).micros(call(60, after(NOON, -1))) == 2 * FEE
    assert shop(True).micros(call(60)) == FEE
    assert shop(False).micros(call(60, after(NOON, -1))) == FEE


@pytest.mark.parametrize(
    ("includes_fee", "seconds", "micros"),
    [(True, 60, 300_000), (False, 60, 300_000 + FEE), (True, 10, 150_000), (False, 10, 150_000)],
)
def test_a_cap_is_the_most_that_a_call_costs(includes_fee: bool, seconds: int, micros: int) -> None:
    """0.30, with the connect fee or beside it; a cheaper call keeps its price."""
    shop = Shop(
        [rate(connect_fee_micros=FEE)], price_caps=(PriceCap(Condition(), 300_000, includes_fee),)
    )
    assert shop.micros(call(seconds)) == micros


def test_the_first_cap_that_holds_when_the_call_begins_covers_all_its_bands() -> None:
    """Begun in the peak: capped at nothing but the fee, though most of it lies after noon."""
    caps = (
        PriceCap(Condition(time_bands=("peak",)), 0, includes_connect_fee=False),
        PriceCap(Condition(), 100_000, includes_connect_fee=True),
    )
    bands = (TimeBand("peak", to_minute=720), TimeBand("rest"))
    shop = Shop([rate(connect_fee_micros=FEE)], price_caps=caps, time_bands=bands)
    priced = shop.price(call(600, after(NOON, -1)))
    assert priced.amount_micros == FEE
    assert read_receipt(priced.receipt)["cap_micros"] == 0
    assert shop.micros(call(600)) == 100_000


def test_a_minimum_charge_is_the_least_that_a_call_costs() -> None:
    """A call of which every second is paid, though at nothing, costs it too."""
    assert Shop(minimum_charge_micros=70_000).micros(call(1)) == 70_000
    assert Shop(minimum_charge_micros=70_000).micros(call(60)) == 60 * CENT
    assert Shop([rate(0)], minimum_charge_micros=70_000).micros(call(60)) == 70_000


def test_what_is_free_by_nature_or_grace_has_no_minimum_charge() -> None:
    """The plan is not asked."""
    shop = Shop([rate(grace_seconds=5)], minimum_charge_micros=70_000)
    assert [shop.micros(call(5)), shop.micros(call(60, answered=False))] == [0, 0]


def test_adjustments_apply_to_messages_too_by_the_band_in_which_they_are_sent() -> None:
    """Half price after noon."""
    terms: dict[str, Any] = {
        "time_bands": (TimeBand("peak", to_minute=720), TimeBand("rest")),
        "adjustments": (PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000),),
    }
    shop = Shop([rate(80_000_000)], [deck(service=Service.SMS)], **terms)
    assert shop.micros(sent(2, at=after(NOON, -1))) == 160_000
    assert shop.micros(sent(2)) == 80_000
