"""A call whose price nothing can move is priced by one rate, whenever it is answered."""

from dataclasses import replace
from typing import Any

import pytest

from kernel.clock import to_micros
from services.rating.domain.account import Subscription
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import PriceAdjustment
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.pricing.price_over_time import price_over_time
from services.rating.domain.pricing.price_usage import price_by_length, steady_rate
from tests.unit.rating.calls import NOON, Shop, after, bundle, call, deck, rate
from tests.unit.rating.terms import BEGINNING, PLAN, revision

HOUR = 3_600
BANDS = (TimeBand("peak", from_minute=480, to_minute=720), TimeBand("rest"))
HALF_OUTSIDE_PEAK = PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000)


def steady(shop: Shop) -> Rate | None:
    """The steady rate of a call at noon that may take an hour."""
    return steady_rate(call(0), shop.customer, shop.tariff, shop.tables.__getitem__, HOUR)


@pytest.mark.parametrize(
    "changes", [{}, {"connect_fee_micros": 5_000}, {"first_increment": 60, "next_increment": 60}]
)
def test_a_steady_call_costs_the_same_whenever_it_is_answered(changes: dict[str, Any]) -> None:
    """By the minute as by the call, at once or after it has rung for four minutes."""
    shop = Shop([rate(**changes)])
    found = steady(shop)
    assert found == rate(**changes)
    parts = shop.customer, shop.tariff, shop.tables.__getitem__
    minute = price_over_time(call(0), *parts)
    assert minute is not None
    assert found.price_nanos == minute.price_nanos
    late = call(0, begin_micros=to_micros(after(NOON, 240)))
    at_once, at_last = (price_by_length(usage, *parts) for usage in (call(0), late))
    for seconds in (1, 59, 61, HOUR - 240):
        assert at_once(seconds * 1_000, shop.book) == at_last(seconds * 1_000, shop.book)


@pytest.mark.parametrize(
    "shop",
    [
        Shop(time_bands=BANDS, adjustments=(HALF_OUTSIDE_PEAK,)),
        Shop(bundles=(bundle(600),)),
        Shop(decks=[deck(currency="USD")]),
        Shop([rate(prefix="44")]),
        Shop(revisions=[revision(), revision(effective_time=after(NOON, HOUR - 1))]),
    ],
    ids=["bands", "bundle", "exchange", "no rate", "new terms"],
)
def test_what_more_than_a_rate_decides_is_not_steady(shop: Shop) -> None:
    """Bands, bundles, another currency, no rate, terms that change while the call goes on."""
    assert steady(shop) is None


def test_no_call_is_steady_whose_subscription_ends_meanwhile() -> None:
    """A second before the hour is over, the account leaves its plan."""
    shop = Shop()
    end = to_micros(after(NOON, HOUR - 1))
    subscription = Subscription(PLAN.plan_id, to_micros(BEGINNING), end)
    shop.customer = replace(shop.customer, subscriptions=[subscription])
    assert steady(shop) is None
