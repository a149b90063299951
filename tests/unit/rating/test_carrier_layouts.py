"""Rate sheets as carriers lay them out: several codes in a cell, two increments, a preamble."""

from typing import Any

import pytest

from kernel.errors import DomainError
from services.rating.domain.decks.code_cells import RANGE_CODES_MAX
from services.rating.domain.decks.deck_mapping import CodeCells, CodeHyphen, DeckMapping
from tests.unit.rating.test_deck_import import parse

LISTS = CodeCells(separators=",;", spaces_group_digits=True, hyphen=CodeHyphen.RANGE)
JOINED = CodeCells(hyphen=CodeHyphen.JOINS)


def codes_of(cell: str, cells: CodeCells, country_code: str = "") -> list[str]:
    """The prefixes of a row whose cell holds codes, or why it has none."""
    mapping = DeckMapping("codes", "price", "codes", codes=cells)
    deck = parse(f'codes,price,country\n"{cell}",0.1,{country_code}\n', mapping)
    assert {rate.row_number for rate in deck.rates} <= {2}
    return [rate.prefix for rate in deck.rates] or [row.reason for row in deck.rejected]


@pytest.mark.parametrize(
    ("cell", "cells", "prefixes"),
    [
        ("31", LISTS, ["31"]),
        ("49152, 49162; 49172-49174", LISTS, ["49152", "49162", "49172", "49173", "49174"]),
        ("336 07, 336 08,", LISTS, ["33607", "33608"]),
        ("+521", LISTS, ["521"]),
        ("099-101", LISTS, ["099", "100", "101"]),
        ("93-76", JOINED, ["9376"]),
        ("31 32", CodeCells(separators=" "), ["31", "32"]),
        # What the mapping does not name, or what no carrier can mean, is refused.
        ("31 32", CodeCells(separators=","), ["INVALID_PREFIX"]),
        ("31,32", CodeCells(), ["INVALID_PREFIX"]),
        ("31-33", CodeCells(separators=","), ["INVALID_PREFIX"]),
        ("93-76", LISTS, ["INVALID_PREFIX"]),
        ("52-334217", LISTS, ["INVALID_PREFIX"]),
        ("31, x", LISTS, ["INVALID_PREFIX"]),
        ("31-", LISTS, ["INVALID_PREFIX"]),
        (",;", LISTS, ["INVALID_PREFIX"]),
        ("", LISTS, ["INVALID_PREFIX"]),
        (f"10000-{10_000 + RANGE_CODES_MAX}", LISTS, ["INVALID_PREFIX"]),
        ("1000-9999, 1000-9999", LISTS, ["INVALID_PREFIX"]),
    ],
)
def test_each_code_of_a_cell_is_a_rate_or_none_of_its_row_is(
    cell: str, cells: CodeCells, prefixes: list[str]
) -> None:
    """As the mapping says what separators, spaces and hyphens mean."""
    assert codes_of(cell, cells) == prefixes


def test_the_country_code_of_another_column_goes_before_each_code() -> None:
    """Of a range before both of its ends; without one the row is refused."""
    cells = CodeCells("country", separators=",", hyphen=CodeHyphen.RANGE)
    assert codes_of("6, 70-71", cells, "34") == ["346", "3470", "3471"]
    assert codes_of("6", cells) == ["INVALID_PREFIX"]


@pytest.mark.parametrize(
    ("cell", "increments"),
    [("60/1", (60, 1)), ("30 / 6", (30, 6)), ("1", (1, 1)), ("", (60, 60))],
)
def test_both_increments_may_stand_in_one_cell(cell: str, increments: tuple[int, int]) -> None:
    """One number is both; none is the default of a minute."""
    mapping = DeckMapping("prefix", "price", "prefix", increments_column="billing")
    [rate] = parse(f"prefix,price,billing\n31,0.1,{cell}\n", mapping).rates
    assert (rate.first_increment, rate.next_increment) == increments


@pytest.mark.parametrize("cell", ["60/", "/1", "60/1/1", "60+1", "a/b"])
def test_increments_that_are_none_are_refused(cell: str) -> None:
    """No half of them is guessed."""
    mapping = DeckMapping("prefix", "price", "prefix", increments_column="billing")
    [row] = parse(f"prefix,price,billing\n31,0.1,{cell}\n", mapping).rejected
    assert row.reason == "INVALID_QUANTITY"


def test_lines_before_the_header_are_no_rows() -> None:
    """The rows keep the lines that they have in the file."""
    deck = parse(
        "Acme\n\nprefix,price\n31,0.1\n", DeckMapping("prefix", "price", "prefix", header_row=3)
    )
    assert [(rate.prefix, rate.row_number) for rate in deck.rates] == [("31", 4)]
    assert deck.received_count == 1
    with pytest.raises(DomainError, match="COLUMN_NOT_FOUND"):
        parse("Acme\n", DeckMapping("prefix", "price", header_row=3))


def test_a_row_that_the_carrier_withdraws_is_no_rate() -> None:
    """It is counted and told, not left out silently."""
    mapping = DeckMapping(
        "prefix", "price", "prefix", status_column="change", withdrawn_statuses=["Closed"]
    )
    deck = parse("prefix,price,change\n31,0.1,New\n32,0.1,Closed\n", mapping)
    assert [rate.prefix for rate in deck.rates] == ["31"]
    assert [(row.row_number, row.reason) for row in deck.rejected] == [(3, "WITHDRAWN")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"codes": CodeCells(separators="-")}, "codes"),
        ({"codes": CodeCells(separators=" ", spaces_group_digits=True)}, "codes"),
        ({"increments_column": "b", "next_increment_column": "n"}, "increments_column"),
        ({"headerless": True, "header_row": 2}, "header_row"),
        ({"status_column": "change"}, "status_column"),
        ({"withdrawn_statuses": ["Closed"]}, "status_column"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(changes: dict[str, Any], field: str) -> None:
    """Before any row is read."""
    with pytest.raises(DomainError, match="INVALID_MAPPING") as refused:
        parse("prefix,price\n31,0.1\n", DeckMapping("prefix", "price", **changes))
    assert field in refused.value.message
