"""A carrier's notice and small sheets in many layouts: read as they came, no row lost silently.

TCXC's template has a price and intervals in seconds by prefix; destinations have no names but it.
What these sheets say and a mapping cannot: when a single row takes force. A version does so whole.
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.errors import DomainError
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.decks.deck_import import ParsedDeck
from services.rating.domain.decks.deck_mapping import CodeCells, CodeHyphen, DeckMapping
from tests.realdata.pricing import PricedBy
from tests.realdata.test_rating_real_decks import blocks, read, reasons


@pytest.fixture(scope="module")
def folder(realdata: Path) -> Path:
    """Where the sheets are."""
    return realdata / "ratedecks" / "tcxc"


def test_tcxc_rows_become_rates_with_the_prefix_as_their_name(folder: Path) -> None:
    """25 rows; a code that is withdrawn is still a row: it has to be taken out before."""
    mapping = DeckMapping(
        prefix_column="Prefix",
        destination_column="Prefix",
        price_column="Price 1",
        first_increment_column="Interval 1",
        next_increment_column="Interval N",
    )
    sheet = (folder / "acme_rate_notice_expected.csv").read_bytes()
    deck = read(mapping, sheet)
    assert (deck.received_count, len(deck.rates), deck.rejected_count) == (25, 25, 0)
    by = PricedBy({"deck": deck})
    # 49172 by 60/1: 61 s at 0.0495 are 0.050325, kept to 4 decimals
    assert by.price("491721234567", 61) == 50_300
    # 49 by the second: 90 s at 0.0078
    assert by.price("493012345678", 90) == 11_700
    # 521 by 60/60: 61 s are 2 minutes at 0.0151
    assert by.price("5215512345678", 61) == 30_200
    assert by.call("4915212345678", 1).usage_line == "49152"
    assert by.call("447410123456", 60).outcome == Outcome.UNRATED


ACME = DeckMapping(
    prefix_column="Dial Codes",
    destination_column="Network",
    price_column="Rate/Min",
    increments_column="Billing",
    header_row=7,
    codes=CodeCells(separators=",;", spaces_group_digits=True, hyphen=CodeHyphen.RANGE),
    status_column="Change",
    withdrawn_statuses=("Closed",),
)


def test_a_carriers_notice_is_read_as_it_came(folder: Path) -> None:
    """Preamble, lists, ranges, spaces, both increments, a withdrawn code: 24 rates as expected."""
    deck = read(ACME, (folder / "acme_rate_notice.csv").read_bytes())
    expected = (folder / "acme_rate_notice_expected.csv").read_text().splitlines()
    sold = [row for row in csv.DictReader(expected) if row["Discontinued"] == "0"]
    assert sorted(
        (rate.prefix, rate.price_nanos, rate.first_increment, rate.next_increment)
        for rate in deck.rates
    ) == sorted(
        (row["Prefix"], _nanos(row["Price 1"]), int(row["Interval 1"]), int(row["Interval N"]))
        for row in sold
    )
    assert (len(sold), reasons(deck)) == (24, {"WITHDRAWN": 1, "INVALID_PREFIX": 1})
    withdrawn, footnote = deck.rejected
    assert (withdrawn.row_number, footnote.row_number) == (13, 17)


def test_a_carriers_notice_loses_no_row_silently(folder: Path) -> None:
    """Where the mapping says less, each line is a rate or has its reason."""
    notice = (folder / "acme_rate_notice.csv").read_bytes()
    with pytest.raises(DomainError, match="COLUMN_NOT_FOUND"):
        read(DeckMapping(prefix_column="Dial Codes", price_column="Rate/Min"), notice)
    deck = read(
        DeckMapping(prefix_column="3", destination_column="2", price_column="4", headerless=True),
        notice,
    )
    # One code a row: 49, +521, 234805. The others, five lines before, the header and a footnote:
    assert [rate.prefix for rate in deck.rates] == ["49", "521", "234805"]
    assert reasons(deck) == {"INVALID_PREFIX": 12}
    lists, *_ = (row for row in deck.rejected if "49152" in row.message)
    assert lists.row_number == 8


def test_small_variants_are_read_as_their_mappings_say(folder: Path) -> None:
    """Codes in two columns, with a hyphen, ranges, peaks, and two increments in one cell."""
    split, hyphens, peaks, ranges, intervals = blocks(folder / "small_layout_variants.txt")
    semicolons = DeckMapping(
        prefix_column="Area Code",
        destination_column="Destination",
        price_column="New Rate",
        increments_column="Billing Increment",
        codes=CodeCells("Country Code", separators=","),
        delimiter=";",
        decimal_separator=",",
    )
    assert prices(read(semicolons, split)) == {"346": 12_000_000, "347": 12_000_000}
    cities = DeckMapping(
        prefix_column="City Code(s)",
        destination_column="Destination",
        price_column="Price($)",
        increments_column="BI Type",
        codes=CodeCells(hyphen=CodeHyphen.JOINS),
    )
    deck = read(cities, hyphens)
    assert prices(deck) == {"9376": 150_000_000, "9370": 140_000_000, "8435": 50_000_000}
    assert [rate.first_increment for rate in deck.rates] == [1, 60, 60]
    by_range = DeckMapping(
        prefix_column="Code",
        destination_column="Code",
        price_column="Rate",
        codes=CodeCells(hyphen=CodeHyphen.RANGE),
    )
    deck = read(by_range, ranges)
    # Which of the two hyphens a row has cannot be seen: 52-334217 is no range, and is refused.
    assert list(prices(deck)) == [f"491{digit}" for digit in range(2, 10)]
    assert reasons(deck) == {"INVALID_PREFIX": 1}
    for column, micros in (("Rate Peak", 10_000), ("Rate Off-peak", 5_000)):
        deck = read(
            DeckMapping(prefix_column="Code", destination_column="Code", price_column=column), peaks
        )
        assert PricedBy({"deck": deck}).price("442071838750", 60) == micros
    template = DeckMapping(
        prefix_column="Prefix",
        destination_column="Prefix",
        price_column="Price 1",
        increments_column="Interval 1",
    )
    deck = read(template, intervals)
    assert deck.rejected_count == 0
    assert [(rate.first_increment, rate.next_increment) for rate in deck.rates] == [(30, 6), (1, 1)]
    # 4930 by the second: 90 s at 0.012
    assert PricedBy({"deck": deck}).price("493012345678", 90) == 18_000


def prices(deck: ParsedDeck) -> dict[str, int]:
    """The price of a minute of each prefix, in nanos."""
    return {rate.prefix: rate.price_nanos for rate in deck.rates}


def _nanos(text: str) -> int:
    return int(Decimal(text).scaleb(9))
