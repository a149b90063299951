"""The sample operator's price list is a deck as carriers write them."""

import csv
import io

import pytest

from deploy.local.sample.operator import MARKETS, TENANTS
from deploy.local.sample.rate_deck import COLUMNS, deck_file, priced_prefixes
from deploy.local.sample.tariffs import deck_mapping
from services.rating.domain.decks.deck_import import parse_deck
from services.rating.domain.decks.deck_mapping import DeckMapping


def rows(currency: str, price_percent: int) -> dict[str, list[str]]:
    lines = csv.reader(io.StringIO(deck_file(currency, price_percent).decode()))
    return {row[0]: row for row in lines}


def test_the_deck_knows_the_world() -> None:
    """At least 5,000 prefixes, each once, in every part of the world."""
    prefixes = [priced.prefix for priced in priced_prefixes()]
    assert len(prefixes) >= 5_000
    assert len(set(prefixes)) == len(prefixes)
    assert {prefix[0] for prefix in prefixes} == set("123456789")


@pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant.tenant_id)
@pytest.mark.parametrize("currency", MARKETS)
def test_rating_takes_every_row_of_the_deck(tenant, currency: str) -> None:
    """Nothing of our own deck is rejected, and the price is the one that is written."""
    message = deck_mapping()
    columns = {field.name: value for field, value in message.ListFields()}
    parsed = parse_deck(DeckMapping(**columns), deck_file(currency, tenant.price_percent), b"")
    assert parsed.rejected == []
    assert len(parsed.rates) == len(priced_prefixes())


def test_prices_are_converted_exactly_and_rounded_up() -> None:
    """Netherlands at 0.0089 EUR: 0.0097 USD (0.009612), and 0.0112 EUR (0.011125) a quarter up."""
    price = COLUMNS.index("Price per minute")
    assert rows("EUR", 100)["31"][price] == "0.0089"
    assert rows("USD", 100)["31"][price] == "0.0097"
    assert rows("EUR", 125)["31"][price] == "0.0112"


def test_a_range_of_a_smaller_operator_is_dearer_than_its_network() -> None:
    """A range is only in the deck of its own when its price differs."""
    by_prefix = {priced.prefix: priced for priced in priced_prefixes()}
    ranges = [
        priced
        for priced in by_prefix.values()
        if priced.destination.endswith("Mobile")
        and by_prefix.get(priced.prefix[:-1], priced).destination == priced.destination
        and priced.prefix[:-1] in by_prefix
    ]
    assert ranges
    assert all(each.price > by_prefix[each.prefix[:-1]].price for each in ranges)
