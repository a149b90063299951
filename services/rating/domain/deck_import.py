"""Reading a carrier's rate sheet: every row of it becomes a rate or is rejected with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.rating.domain.errors import invalid_field
from services.rating.domain.price_text import (
    MICRO_DECIMALS,
    NANO_DECIMALS,
    UnreadableCellError,
    scaled_amount,
    whole_seconds,
)
from services.rating.domain.rate_deck import (
    CONNECT_FEE_MICROS_MAX,
    GRACE_SECONDS_MAX,
    INCREMENT_SECONDS_MAX,
    MINIMUM_SECONDS_MAX,
    NUMBER_DIGITS_MAX,
    PRICE_NANOS_MAX,
    Rate,
)
from services.rating.domain.sheet import Sheet

DEFAULT_INCREMENT_SECONDS = 60
SECONDS_PER_MINUTE = 60
DESTINATION_CHARACTERS_MAX = 200
SHOWN_CHARACTERS_MAX = 40


@dataclass(frozen=True, slots=True)
class DestinationsMapping:
    """The columns of a second file, joined by prefix."""

    prefix_column: str
    name_column: str
    increment_column: str = ""
    minimum_column: str = ""


@dataclass(frozen=True, slots=True)
class DeckMapping:
    """The columns of the rates file and what their numbers mean; empty names mean 'none'."""

    prefix_column: str
    price_column: str
    destination_column: str = ""
    connect_fee_column: str = ""
    first_increment_column: str = ""
    next_increment_column: str = ""
    minimum_column: str = ""
    grace_column: str = ""
    delimiter: str = ","
    headerless: bool = False
    decimal_separator: str = "."
    price_denominator: int = 1
    price_unit: int = SECONDS_PER_MINUTE
    default_first_increment: int = DEFAULT_INCREMENT_SECONDS
    default_next_increment: int = DEFAULT_INCREMENT_SECONDS
    destinations: DestinationsMapping | None = None


class RejectedRow(NamedTuple):
    """A row that is no rate: its line, a stable reason, and what to do."""

    row_number: int
    reason: str
    message: str


@dataclass(slots=True)
class ParsedDeck:
    """What became of a file; each of its rows is in one of the lists."""

    rates: list[Rate] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    @property
    def received_count(self) -> int:
        """The rows of the file."""
        return len(self.rates) + len(self.rejected)


class _Destination(NamedTuple):
    name: str
    increment: str
    minimum: str
    row_number: int


def parse_deck(mapping: DeckMapping, rates_file: bytes, destinations_file: bytes) -> ParsedDeck:
    """Read a rate sheet, with its destinations file where the mapping has one.

    Raises:
        DomainError: COLUMN_NOT_FOUND, INVALID_ENCODING, EMPTY_DECK, INVALID_MAPPING.
    """
    _check_mapping(mapping)
    destinations = _read_destinations(mapping, destinations_file)
    table = Sheet(rates_file, "rates_content", mapping.delimiter, mapping.headerless)
    columns = table.find(
        prefix=mapping.prefix_column,
        price=mapping.price_column,
        destination=mapping.destination_column,
        connect_fee=mapping.connect_fee_column,
        first=mapping.first_increment_column,
        next=mapping.next_increment_column,
        minimum=mapping.minimum_column,
        grace=mapping.grace_column,
    )
    deck = ParsedDeck()
    lines: dict[str, int] = {}
    for row_number, cells in table.rows():
        try:
            _check_readable(cells)
            rate = _rate(mapping, _named(columns, cells), destinations, row_number)
            _check_duplicate(lines, rate.prefix, row_number)
            deck.rates.append(rate)
        except UnreadableCellError as error:
            deck.rejected.append(RejectedRow(row_number, error.reason, error.problem))
    if not deck.received_count:
        raise invalid_field(
            "EMPTY_DECK", "rates_content", "the file has no rows; send a rate sheet"
        )
    return deck


def _read_destinations(mapping: DeckMapping, content: bytes) -> dict[str, _Destination] | None:
    if mapping.destinations is None:
        return None
    for name in ("prefix_column", "name_column"):
        if not getattr(mapping.destinations, name):
            raise invalid_field("INVALID_MAPPING", f"mapping.destinations.{name}", "set it")
    table = Sheet(content, "destinations_content", mapping.delimiter, mapping.headerless)
    columns = table.find(
        prefix=mapping.destinations.prefix_column,
        name=mapping.destinations.name_column,
        increment=mapping.destinations.increment_column,
        minimum=mapping.destinations.minimum_column,
    )
    destinations: dict[str, _Destination] = {}
    for row_number, cells in table.rows():
        row = _named(columns, cells)
        destination = _Destination(
            row["name"], row.get("increment", ""), row.get("minimum", ""), row_number
        )
        destinations.setdefault(row["prefix"].removeprefix("+"), destination)
    return destinations


def _named(columns: Mapping[str, int], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by what they mean; a row may end early."""
    return {
        key: cells[position].strip() if position < len(cells) else ""
        for key, position in columns.items()
    }


def _rate(
    mapping: DeckMapping,
    row: Mapping[str, str],
    destinations: Mapping[str, _Destination] | None,
    row_number: int,
) -> Rate:
    prefix = _prefix(row["prefix"])
    joined = _joined(prefix, destinations)
    increment = joined.increment if joined else ""
    return Rate(
        prefix=prefix,
        destination=_name(row.get("destination") or (joined.name if joined else "")),
        price_nanos=_price(mapping, row["price"]),
        connect_fee_micros=_connect_fee(mapping, row.get("connect_fee", "")),
        first_increment=_increment(row.get("first") or increment, mapping.default_first_increment),
        next_increment=_increment(row.get("next") or increment, mapping.default_next_increment),
        minimum=whole_seconds(
            row.get("minimum") or (joined.minimum if joined else "") or "0", MINIMUM_SECONDS_MAX
        ),
        grace_seconds=whole_seconds(row.get("grace") or "0", GRACE_SECONDS_MAX),
        row_number=row_number,
    )


def _prefix(text: str) -> str:
    digits = text.removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX:
        return digits
    shown = text[:SHOWN_CHARACTERS_MAX]
    raise UnreadableCellError(
        "INVALID_PREFIX", f"{shown!r} is not a prefix; write 1 to {NUMBER_DIGITS_MAX} digits"
    )


def _joined(prefix: str, destinations: Mapping[str, _Destination] | None) -> _Destination | None:
    if destinations is None:
        return None
    if prefix not in destinations:
        raise UnreadableCellError(
            "UNKNOWN_DESTINATION", f"the destinations file has no row for {prefix}; add one"
        )
    return destinations[prefix]


def _name(text: str) -> str:
    # No database takes a NUL.
    if not text or len(text) > DESTINATION_CHARACTERS_MAX or "\0" in text:
        raise UnreadableCellError(
            "INVALID_DESTINATION",
            f"the destination has no name of 1 to {DESTINATION_CHARACTERS_MAX} characters; "
            "it is what customers read on their invoice",
        )
    return text


def _price(mapping: DeckMapping, text: str) -> int:
    price = scaled_amount(
        text,
        mapping.decimal_separator,
        SECONDS_PER_MINUTE,
        mapping.price_denominator * mapping.price_unit,
        NANO_DECIMALS,
    )
    return _not_above(price, PRICE_NANOS_MAX, text)


def _connect_fee(mapping: DeckMapping, text: str) -> int:
    fee = scaled_amount(
        text or "0", mapping.decimal_separator, 1, mapping.price_denominator, MICRO_DECIMALS
    )
    return _not_above(fee, CONNECT_FEE_MICROS_MAX, text)


def _not_above(amount: int, amount_max: int, text: str) -> int:
    if amount > amount_max:
        raise UnreadableCellError(
            "PRICE_TOO_LARGE", f"{text} is beyond every price; check the denominator"
        )
    return amount


def _increment(text: str, default: int) -> int:
    return whole_seconds(text or "0", INCREMENT_SECONDS_MAX) or default


def _check_readable(cells: Sequence[str]) -> None:
    if not cells:
        raise UnreadableCellError(
            "MALFORMED_ROW", "a quote is opened and not closed; correct the line"
        )


def _check_duplicate(lines: dict[str, int], prefix: str, row_number: int) -> None:
    """The first row of a prefix counts; which of two the carrier meant is not ours to guess."""
    first = lines.setdefault(prefix, row_number)
    if first != row_number:
        raise UnreadableCellError(
            "DUPLICATE_PREFIX", f"prefix {prefix} is on line {first} already; remove one of them"
        )


def _check_mapping(mapping: DeckMapping) -> None:
    positive = ("price_denominator", "price_unit")
    increments = ("default_first_increment", "default_next_increment")
    wrong = [name for name in positive if getattr(mapping, name) < 1]
    wrong += [
        name for name in increments if not 1 <= getattr(mapping, name) <= INCREMENT_SECONDS_MAX
    ]
    if mapping.delimiter not in {",", ";", "|", "\t"}:
        wrong.append("delimiter")
    if mapping.decimal_separator not in {".", ","}:
        wrong.append("decimal_separator")
    wrong += [name for name in ("prefix_column", "price_column") if not getattr(mapping, name)]
    for name in wrong:
        raise invalid_field("INVALID_MAPPING", f"mapping.{name}", f"{getattr(mapping, name)!r}")
