"""The longest prefix of a number decides, however the deck was compiled."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rating.domain.prefix_table import NO_ROW, PrefixTable, padded_columns
from services.rating.domain.rate_deck import Rate, deck_digest, longest_prefix

digits = st.text("0129", min_size=1, max_size=6)
numbers = st.text("0129", min_size=1, max_size=15)


def deck(*prefixes: str) -> list[Rate]:
    """A deck with a row for each prefix."""
    return [
        Rate(prefix, f"to {prefix}", 10 * place, 0, 60, 60, 0, 0, place)
        for place, prefix in enumerate(prefixes, start=2)
    ]


@settings(max_examples=400, deadline=None)
@given(st.sets(digits, max_size=30), st.lists(numbers, min_size=1, max_size=30))
def test_the_compiled_deck_finds_what_the_definition_finds(
    prefixes: set[str], called: list[str]
) -> None:
    """Nested prefixes, numbers shorter than prefixes, and numbers that no prefix knows."""
    rates = deck(*prefixes)
    table = PrefixTable.compile(rates)
    rows = table.match(*padded_columns(called)).tolist()
    found = [None if row == NO_ROW else table.rate(row) for row in rows]
    by_prefix = {rate.prefix: rate for rate in rates}
    assert found == [longest_prefix(by_prefix, number) for number in called]


@pytest.mark.parametrize(
    ("number", "prefix"),
    [("31612345678", "316"), ("31201234567", "31"), ("3", None), ("12", None), ("120", "120")],
)
def test_padding_makes_no_number_longer_than_it_is(number: str, prefix: str | None) -> None:
    """12 is not 120, although both are padded with zeros."""
    found = PrefixTable.compile(deck("31", "316", "120")).find(number)
    assert (found.prefix if found else None) == prefix


@pytest.mark.parametrize("text", ["", "sip:alice", "+31612345678", "३१"])
def test_what_is_not_made_of_digits_has_no_rate(text: str) -> None:
    """Numbers are normalised before they are priced; nothing is guessed here."""
    assert PrefixTable.compile(deck("3", "31")).find(text) is None


def test_an_empty_deck_knows_no_number() -> None:
    """It is no error to ask it."""
    assert PrefixTable.compile([]).find("31612345678") is None


def test_equal_decks_have_equal_digests_whatever_the_order_of_their_rows() -> None:
    """The line in the file is not part of a rate; its price is."""
    rates = deck("31", "316", "44")
    shuffled = [rate._replace(row_number=90 - rate.row_number) for rate in reversed(rates)]
    dearer = [rates[0]._replace(price_nanos=1), *rates[1:]]
    assert deck_digest(rates) == deck_digest(shuffled)
    assert deck_digest(rates) != deck_digest(dearer)
