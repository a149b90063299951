"""Suppliers are tried in an order that follows from prices, quality or weights alone."""

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from kernel.clock import EPOCH, to_micros
from kernel.errors import DomainError
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import FoundRate
from services.rating.domain.routing import (
    Offer,
    RouteOrder,
    Routing,
    Sale,
    Wish,
    choose_routes,
    explain_route,
)
from services.rating.domain.tariffs.exchange import ExchangeRate, ExchangeRates
from services.rating.domain.tariffs.supplier import Supplier
from services.rating.domain.tariffs.terms import DeckVersion
from services.rating.domain.usage import Service

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RATES = ExchangeRates(
    [
        ExchangeRate("EUR", "USD", EPOCH, "1.25", "bank"),
        ExchangeRate("EUR", "JPY", EPOCH, "160", "bank"),
    ]
)
CENT = 10**7
"""Nanos of a cent."""


def supplier(code: str, **changes: Any) -> Supplier:
    """A supplier of average quality and weight."""
    fields = {
        "supplier_id": f"id of {code}",
        "code": code,
        "display_name": code.title(),
        "currency": "EUR",
        "rate_deck_ids": ("deck",),
        "quality": 50,
        "weight": 100,
        "trunks": (f"{code}-1",),
        "enabled": True,
        "revision": 1,
        "effective_time": EPOCH,
        "create_time": NOON,
    }
    return Supplier(**{**fields, **changes})


def offer(code: str, price_nanos: int | None, currency: str = "EUR", **changes: Any) -> Offer:
    """A supplier and what it asks for a minute; None when it does not know the number."""
    known = supplier(code, currency=currency, **changes)
    if price_nanos is None:
        return Offer(known, None)
    version = DeckVersion(f"deck of {code}", "deck", EPOCH, Service.VOICE, currency)
    return Offer(
        known, FoundRate(version, 0, Rate("31", "Netherlands", price_nanos, 0, 1, 1, 0, 0, 1))
    )


def wish(order: RouteOrder = RouteOrder.PRICE, **changes: Any) -> Wish:
    """Up to ten routes, compared in euros."""
    fields = {
        "order": order,
        "route_count": 10,
        "currency": "EUR",
        "call_key": "1:call",
        "sale": None,
    }
    return Wish(**{**fields, **changes})


def choose(offers: list[Offer], wished: Wish) -> Routing:
    """The routes at noon."""
    return choose_routes(offers, wished, Conversions(RATES, to_micros(NOON)))


def codes(routing: Routing) -> list[str]:
    return [route.supplier.code for route in routing.routes]


def reasons(routing: Routing) -> dict[str, str]:
    return {each.supplier.code: each.reason for each in routing.left_out}


def test_the_cheapest_comes_first_whatever_its_currency() -> None:
    """A dollar is 80 cents here, so 1.2 cents in dollars beat 1 cent in euros."""
    routing = choose([offer("north", CENT), offer("west", 12 * CENT // 10, "USD")], wish())
    assert codes(routing) == ["west", "north"]
    assert routing.routes[0].compared_nanos == Fraction(96 * CENT, 100)


def test_prices_are_compared_exactly() -> None:
    """A difference beyond nine decimals decides: 159 nanos of a yen are less than one of a euro."""
    routing = choose([offer("a", 1), offer("b", 159, "JPY"), offer("c", 161, "JPY")], wish())
    assert codes(routing) == ["b", "a", "c"]


def test_equal_prices_are_ordered_by_quality_and_then_by_code() -> None:
    """So that the order never depends on how suppliers are stored."""
    offers = [offer("d", CENT, quality=60), offer("b", CENT), offer("c", CENT), offer("a", CENT)]
    assert codes(choose(offers, wish())) == ["d", "a", "b", "c"]


def test_the_order_by_quality_takes_the_better_and_then_the_cheaper() -> None:
    """Price decides only between equals."""
    offers = [
        offer("cheap", CENT, quality=10),
        offer("dear", 9 * CENT, quality=90),
        offer("fair", 5 * CENT, quality=90),
    ]
    assert codes(choose(offers, wish(RouteOrder.QUALITY))) == ["fair", "dear", "cheap"]


def test_the_order_by_weight_shares_calls_in_proportion() -> None:
    """Of 4,000 calls a tenth, three tenths and six tenths begin with each, within four sigma."""
    offers = [
        offer("ten", CENT, weight=100),
        offer("thirty", CENT, weight=300),
        offer("sixty", CENT, weight=600),
        offer("none", 1, weight=0),
    ]
    firsts: Counter[str] = Counter()
    for number in range(4_000):
        wished = wish(RouteOrder.WEIGHT, call_key=f"1:{number}")
        order = codes(choose(offers, wished))
        assert order[-1] == "none"
        assert sorted(order) == ["none", "sixty", "ten", "thirty"]
        firsts[order[0]] += 1
    assert firsts["ten"] == pytest.approx(400, abs=76)
    assert firsts["thirty"] == pytest.approx(1_200, abs=116)
    assert firsts["sixty"] == pytest.approx(2_400, abs=124)


def test_the_same_call_always_gets_the_same_order() -> None:
    """However its suppliers are stored, and whoever asks."""
    offers = [offer(code, CENT, weight=weight) for code, weight in (("a", 5), ("b", 3), ("c", 2))]
    wished = wish(RouteOrder.WEIGHT)
    assert codes(choose(offers, wished)) == codes(choose(offers[::-1], wished))


def test_every_supplier_is_a_route_or_left_out_with_its_reason() -> None:
    """None is forgotten."""
    offers = [
        offer("off", CENT, enabled=False),
        offer("blind", None),
        offer("far", CENT, "KWD"),
        offer("a", CENT),
        offer("b", 2 * CENT),
        offer("c", 3 * CENT),
    ]
    routing = choose(offers, wish(route_count=2))
    assert codes(routing) == ["a", "b"]
    assert reasons(routing) == {
        "blind": "NO_RATE",
        "c": "ROUTE_COUNT_REACHED",
        "far": "NO_EXCHANGE_RATE",
        "off": "DISABLED",
    }
    assert all(each.message for each in routing.left_out)


def test_a_call_without_any_supplier_has_no_routes() -> None:
    """That is an answer, not an error: each supplier says why."""
    assert choose([], wish()) == Routing([], [])


def test_the_margin_is_a_share_of_the_selling_price() -> None:
    """Three cents of four stay; in the currency of the sale, whatever is compared in."""
    sale = Sale((5 * CENT, 1), "USD", None)
    [route] = choose([offer("a", CENT)], wish(sale=sale, currency="JPY")).routes
    assert route.margin == Fraction(3, 4)
    assert route.margin_millionths == 750_000
    assert route.compared_nanos == 160 * CENT


def test_a_shown_margin_is_rounded_down() -> None:
    """So that a margin that is shown as the floor is never below it."""
    sale = Sale((3, 1), "EUR", None)
    routing = choose([offer("a", 1), offer("b", 4)], wish(sale=sale))
    assert [route.margin_millionths for route in routing.routes] == [666_666, -333_334]


def test_a_supplier_below_the_margin_floor_is_left_out() -> None:
    """One that meets it exactly stays."""
    sale = Sale((10 * CENT, 1), "EUR", 200_000)
    routing = choose([offer("a", 8 * CENT), offer("b", 8 * CENT + 1)], wish(sale=sale))
    assert codes(routing) == ["a"]
    assert reasons(routing) == {"b": "MARGIN_BELOW_FLOOR"}


def test_a_call_that_no_supplier_leaves_enough_of_is_refused() -> None:
    """With the best margin and the floor, so that it is clear by how much."""
    sale = Sale((10 * CENT, 1), "EUR", 200_000)
    offers = [offer("a", 9 * CENT), offer("b", 11 * CENT), offer("blind", None)]
    with pytest.raises(DomainError, match=r"the best of 2 suppliers, 'a', leaves 10%") as error:
        choose(offers, wish(sale=sale))
    assert error.value.reason == "MARGIN_BELOW_FLOOR"
    assert error.value.metadata == {
        "supplier_code": "a",
        "margin_floor": "0.2",
        "best_margin": "0.1",
    }


def test_without_a_floor_a_loss_is_a_route_too() -> None:
    """Its margin is negative; the tenant has said that it does not mind."""
    sale = Sale((10 * CENT, 1), "EUR", None)
    assert codes(choose([offer("a", 11 * CENT)], wish(sale=sale))) == ["a"]


def test_a_minute_sold_for_nothing_has_no_margin() -> None:
    """Under a floor only a supplier that costs nothing may end it."""
    free, floored = Sale((0, 1), "EUR", None), Sale((0, 1), "EUR", 0)
    [route] = choose([offer("a", CENT)], wish(sale=free)).routes
    assert route.margin_millionths is None
    assert codes(choose([offer("a", CENT), offer("b", 0)], wish(sale=floored))) == ["b"]
    with pytest.raises(DomainError, match="pays nothing for a minute") as error:
        choose([offer("a", CENT)], wish(sale=floored))
    assert "best_margin" not in error.value.metadata


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (RouteOrder.PRICE, "place 1 by price: "),
        (RouteOrder.QUALITY, "place 1 by quality 50: "),
        (RouteOrder.WEIGHT, "place 1 by weight 100 and the call key: "),
    ],
)
def test_a_route_says_in_words_why_it_stands_there(order: RouteOrder, words: str) -> None:
    """With the price in both currencies where there are two."""
    wished = wish(order, sale=Sale((4 * CENT, 1), "EUR", None))
    [route] = choose([offer("west", 125 * CENT // 100, "USD")], wished).routes
    assert explain_route(1, route, wished) == (
        f"{words}0.0125 USD a minute to Netherlands (prefix 31), that is 0.01 EUR, "
        "leaving 75% of the selling price"
    )
