"""How long for this money: the longest usage that costs at most an amount."""

import pytest

from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import PriceAdjustment
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.pricing.budget import PRICINGS_MAX, Affordable, longest_usage
from services.rating.domain.pricing.price_usage import PricedCall, Usage
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.domain.usage import Service
from tests.unit.rating.calls import NOON, Shop, after, call, deck, rate, sent

CENT = 10_000


def longest(shop: Shop, budget_micros: int, usage: Usage | None = None) -> Affordable:
    """By the prices of a shop."""
    return longest_usage(budget_micros, usage or call(), shop.price)


@pytest.mark.parametrize(
    ("row", "budget", "seconds"),
    [
        (rate(), 60 * CENT, 60),
        (rate(), 61 * CENT - 1, 60),
        (rate(first_increment=60, next_increment=60), 119 * CENT, 60),
        (rate(first_increment=60, next_increment=6), 71 * CENT, 66),
        (rate(first_increment=60), 59 * CENT, 0),
        (rate(connect_fee_micros=CENT), 10 * CENT, 9),
        (rate(minimum=20), 20 * CENT, 20),
        (rate(grace_seconds=3), 0, 3),
        (rate(), 0, 0),
        (rate(0), 0, CALL_DURATION_SECONDS_MAX),
    ],
)
def test_an_amount_buys_the_longest_call_that_does_not_cost_more(
    row: Rate, budget: int, seconds: int
) -> None:
    """Whole increments, and not a micro above the amount."""
    assert longest(Shop([row]), budget).quantity == seconds


def test_bands_on_the_way_are_taken_into_account() -> None:
    """A minute at a cent until noon, then at half a cent."""
    half = PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000)
    bands = (TimeBand("peak", to_minute=720), TimeBand("rest"))
    shop = Shop(time_bands=bands, adjustments=(half,))
    found = longest(shop, 90 * CENT, call(at=after(NOON, -60)))
    assert (found.quantity, found.price.amount_micros) == (120, 90 * CENT)


def test_messages_are_bought_like_seconds() -> None:
    """0.08 each."""
    shop = Shop([rate(80_000_000)], [deck(service=Service.SMS)])
    assert longest(shop, 10**6, sent(1)).quantity == 12


def test_a_call_without_a_price_buys_nothing_and_says_why() -> None:
    """No deck knows the number."""
    found = longest(Shop(), 10**6, call(number="44123456789"))
    assert (found.quantity, found.price.unrated_reason) == (0, "NO_RATE")


def test_the_search_takes_no_more_pricings_than_its_bound() -> None:
    """Even among a terabyte of bytes."""
    shop = Shop([rate(1)], [deck(service=Service.DATA)])
    asked: list[Usage] = []

    def price(usage: Usage) -> PricedCall:
        asked.append(usage)
        return shop.price(usage)

    longest_usage(1, sent(1, Service.DATA), price)
    assert 30 < len(asked) <= PRICINGS_MAX
