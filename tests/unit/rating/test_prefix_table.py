"""The longest prefix of a number decides, however the deck was compiled."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import columns
from services.rating.domain.decks.deck_compiler import compile_deck, deck_digest
from services.rating.domain.decks.number_index import TOGETHER_MIN
from services.rating.domain.decks.prefix_table import (
    NO_ROW,
    PrefixTable,
    padded_columns,
    padded_text,
)
from services.rating.domain.decks.rate_columns import RateColumns
from services.rating.domain.decks.rate_deck import Rate, longest_prefix
from services.rating.domain.decks.snapshot import ALIGNMENT_BYTES, DamagedSnapshotError

digits = st.text("0129", min_size=1, max_size=6)
numbers = st.text("0129", min_size=1, max_size=18)


def deck(*prefixes: str) -> list[Rate]:
    """A deck with a row for each prefix."""
    return [
        Rate(prefix, f"to {prefix}", 10 * place, 0, 60, 60, 0, 0, place)
        for place, prefix in enumerate(prefixes, start=2)
    ]


def snapshot(*prefixes: str) -> bytes:
    """The compiled deck of some prefixes."""
    return bytes(compile_deck(RateColumns(deck(*prefixes))))


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
    assert rows == [table.find_row(number) for number in called]
    many = called * TOGETHER_MIN
    assert table.match(*padded_columns(many)).tolist() == rows * TOGETHER_MIN


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(numbers, st.text(max_size=20)), max_size=20))
def test_numbers_are_read_from_a_text_column_as_they_are_one_by_one(called: list[str]) -> None:
    """What is not made of digits has length 0, whatever stands beside it."""
    column = columns.text(called)
    padded, lengths = padded_text(column.values, np.frombuffer(column.offsets, np.uint32))
    is_number = [number.isascii() and number.isdigit() for number in called]
    assert padded.tolist() == [
        int(number.ljust(15, "0")[:15]) if known else 0
        for number, known in zip(called, is_number, strict=True)
    ]
    assert lengths.tolist() == [
        len(number) if known else 0 for number, known in zip(called, is_number, strict=True)
    ]


@settings(max_examples=200, deadline=None)
@given(st.sets(digits, max_size=30), st.one_of(digits, st.just("")), st.one_of(digits, st.just("")))
def test_a_page_of_a_deck_holds_what_begins_with_its_prefix_and_comes_after_its_token(
    prefixes: set[str], begin: str, after: str
) -> None:
    """In the order of the prefixes as texts."""
    table = PrefixTable.compile(deck(*prefixes))
    listed = [table.prefix(row) for row in table.rows(begin, after)]
    assert listed == [
        prefix for prefix in sorted(prefixes) if prefix.startswith(begin) and prefix > after
    ]


@pytest.mark.parametrize("begin", ["x", "३", "3x", "1" * 16])
def test_nothing_begins_with_what_is_no_prefix(begin: str) -> None:
    """A page of nothing, not an error."""
    assert list(PrefixTable.compile(deck("3", "31")).rows(begin)) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(lambda p, n: (p, n), digits, st.sampled_from("ABC")), max_size=30))
def test_a_rate_comes_out_of_a_snapshot_as_it_went_in(rows: list[tuple[str, str]]) -> None:
    """Every field of every row, the longest number and the dearest price included."""
    rates = [
        Rate(prefix, f"{name} Ö", 10**18 - place, 10**15, 1, 10**9, 7, 86_400, place)
        for place, (prefix, name) in enumerate(dict(rows).items())
    ]
    table = PrefixTable.compile(rates)
    assert [table.rate(row) for row in range(len(table))] == sorted(rates)


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
    table = PrefixTable.compile(deck("3", "31"))
    assert table.find(text) is None
    assert table.match(*padded_columns([text])).tolist() == [NO_ROW]


def test_an_empty_deck_knows_no_number() -> None:
    """It is no error to ask it."""
    assert PrefixTable.compile([]).find("31612345678") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:10],
        lambda content: b"",
        lambda content: content + b"\0",
        lambda content: b"OTHER" + content[5:],
        lambda content: content[:8] + b"\xff" + content[9:],
        lambda content: content[:16] + b"}" + content[17:],
    ],
)
def test_a_damaged_snapshot_is_told_from_a_good_one(damage: Any) -> None:
    """Cut off, of another format or another version, or with a directory that nobody can read."""
    with pytest.raises(DamagedSnapshotError):
        PrefixTable(damage(snapshot("31", "316")))


def test_columns_of_a_snapshot_are_aligned() -> None:
    """So that they are used where they lie, at full speed."""
    table = PrefixTable(snapshot("31", "316"))
    addresses = [each.ctypes.data for each in (table.prices, table.interval_starts, table.parents)]
    assert {(address - min(addresses)) % ALIGNMENT_BYTES for address in addresses} == {0}


def test_equal_decks_have_equal_digests_whatever_the_order_of_their_rows() -> None:
    """The line in the file is not part of a rate; its price and its destination are."""
    rates = deck("31", "316", "44")
    shuffled = [rate._replace(row_number=90 - rate.row_number) for rate in reversed(rates)]
    dearer = [rates[0]._replace(price_nanos=1), *rates[1:]]
    renamed = [*rates[:2], rates[2]._replace(destination="to 316")]
    digests = [
        deck_digest(compile_deck(RateColumns(each))) for each in (rates, shuffled, dearer, renamed)
    ]
    assert digests[0] == digests[1]
    assert len({*digests}) == 3
