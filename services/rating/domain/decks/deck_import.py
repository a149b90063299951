"""Reading a carrier's rate sheet: every row of it becomes a rate or is rejected with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple

from services.rating.domain.decks.code_cells import prefix_of, prefixes_of
from services.rating.domain.decks.deck_mapping import DeckMapping
from services.rating.domain.decks.price_text import (
    MICRO_DECIMALS,
    NANO_DECIMALS,
    UnreadableCellError,
    scaled_amount,
    whole_number,
)
from services.rating.domain.decks.rate_columns import RateColumns
from services.rating.domain.decks.rate_deck import (
    CONNECT_FEE_MICROS_MAX,
    GRACE_SECONDS_MAX,
    PRICE_NANOS_MAX,
    Rate,
    increment_max,
)
from services.rating.domain.decks.sheet import Sheet
from services.rating.domain.errors import invalid_field

DESTINATION_CHARACTERS_MAX = 200
REJECTED_ROWS_KEPT_MAX = 1_000
ROWS_BETWEEN_PAUSES = 100
TEXTS_CACHED_MAX = 10_000


class RejectedRow(NamedTuple):
    """A row that is no rate: its line, a stable reason, and what to do."""

    row_number: int
    reason: str
    message: str


@dataclass(slots=True)
class ParsedDeck:
    """What became of a file: each of its rows is a rate or rejected."""

    rates: RateColumns = field(default_factory=RateColumns)
    rejected_count: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    """The first of them."""

    @property
    def received_count(self) -> int:
        """The rows of the file."""
        return len(self.rates) + self.rejected_count

    def reject(self, rows: Sequence[RejectedRow], count: int) -> None:
        """Note that so many rows are no rates, and why the first of them are none."""
        self.rejected_count += count
        self.rejected = sorted([*self.rejected, *rows])[:REJECTED_ROWS_KEPT_MAX]


class _Destination(NamedTuple):
    name: str
    increment: str
    minimum: str


NO_DESTINATION = _Destination("", "", "")


def parse_deck(
    mapping: DeckMapping,
    rates_file: bytes,
    destinations_file: bytes,
    pause: Callable[[], None] = lambda: None,
) -> ParsedDeck:
    """Read a rate sheet, with its destinations file where the mapping has one.

    `pause` is called every now and then: the work of many seconds lets other threads run.

    Raises:
        DomainError: COLUMN_NOT_FOUND, INVALID_ENCODING, EMPTY_DECK, INVALID_MAPPING.
    """
    mapping.check()
    destinations = _read_destinations(mapping, destinations_file)
    sheet = Sheet(
        rates_file, "rates_content", mapping.delimiter, mapping.headerless, mapping.header_row
    )
    reader = _RowReader(mapping, sheet, destinations)
    deck = ParsedDeck()
    for row_number, cells in sheet.rows():
        try:
            for rate in reader.rates(row_number, cells):
                deck.rates.append(rate)
        except UnreadableCellError as error:
            known = len(deck.rejected) == REJECTED_ROWS_KEPT_MAX
            rejected = RejectedRow(row_number, error.reason, error.problem)
            deck.reject([] if known else [rejected], 1)
        if row_number % ROWS_BETWEEN_PAUSES == 0:
            pause()
    _reject_repeated(deck)
    if not deck.received_count:
        raise invalid_field(
            "EMPTY_DECK", "rates_content", "the file has no rows; send a rate sheet"
        )
    return deck


def _columns(mapping: DeckMapping, sheet: Sheet) -> dict[str, int]:
    return sheet.find(
        prefix=mapping.prefix_column,
        price=mapping.price_column,
        destination=mapping.destination_column,
        connect_fee=mapping.connect_fee_column,
        first=mapping.first_increment_column,
        next=mapping.next_increment_column,
        minimum=mapping.minimum_column,
        grace=mapping.grace_column,
        country_code=mapping.codes.country_code_column if mapping.codes else "",
        increments=mapping.increments_column,
        status=mapping.status_column,
    )


def _read_destinations(mapping: DeckMapping, content: bytes) -> dict[str, _Destination] | None:
    if mapping.destinations is None:
        return None
    sheet = Sheet(content, "destinations_content", mapping.delimiter, mapping.headerless)
    columns = sheet.find(
        prefix=mapping.destinations.prefix_column,
        name=mapping.destinations.name_column,
        increment=mapping.destinations.increment_column,
        minimum=mapping.destinations.minimum_column,
    )
    destinations: dict[str, _Destination] = {}
    for _, cells in sheet.rows():
        row = _named(columns, cells)
        destination = _Destination(row["name"], row.get("increment", ""), row.get("minimum", ""))
        destinations.setdefault(row["prefix"].removeprefix("+"), destination)
    return destinations


def _named(columns: Mapping[str, int], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by what they mean; a row may end early."""
    return {
        key: cells[position].strip() if position < len(cells) else ""
        for key, position in columns.items()
    }


class _RowReader:
    """Makes rates of rows. Texts of numbers repeat from row to row: each is read once."""

    def __init__(
        self, mapping: DeckMapping, sheet: Sheet, destinations: Mapping[str, _Destination] | None
    ) -> None:
        self._mapping = mapping
        self._columns = _columns(mapping, sheet)
        self._destinations = destinations
        most = increment_max(mapping.service)
        self._price = _cached(partial(_price, mapping))
        self._connect_fee = _cached(partial(_connect_fee, mapping))
        self._increment = _cached(partial(whole_number, number_max=most))
        self._grace = _cached(partial(whole_number, number_max=GRACE_SECONDS_MAX))

    def rates(self, row_number: int, cells: Sequence[str]) -> list[Rate]:
        """The rates of a row, of each of its codes; raises UnreadableCellError."""
        _check_readable(cells)
        row = _named(self._columns, cells)
        _check_sold(row, self._mapping.withdrawn_statuses)
        codes = self._mapping.codes
        if codes is None:
            return [self._rate(row_number, prefix_of(row["prefix"]), row)]
        prefixes = prefixes_of(row["prefix"], row.get("country_code", ""), codes)
        return [self._rate(row_number, prefix, row) for prefix in prefixes]

    def _rate(self, row_number: int, prefix: str, row: Mapping[str, str]) -> Rate:
        joined = _joined(prefix, self._destinations)
        both = _increments(row.get("increments", ""))
        first = row.get("first") or both[0] or joined.increment or "0"
        following = row.get("next") or both[1] or joined.increment or "0"
        return Rate(
            prefix=prefix,
            destination=_name(row.get("destination") or joined.name),
            price_nanos=self._price(row["price"]),
            connect_fee_micros=self._connect_fee(row.get("connect_fee") or "0"),
            first_increment=self._increment(first) or self._mapping.first_increment,
            next_increment=self._increment(following) or self._mapping.next_increment,
            minimum=self._increment(row.get("minimum") or joined.minimum or "0"),
            grace_seconds=self._grace(row.get("grace") or "0"),
            row_number=row_number,
        )


def _cached(read: Callable[[str], int]) -> Callable[[str], int]:
    return lru_cache(maxsize=TEXTS_CACHED_MAX)(read)


def _joined(prefix: str, destinations: Mapping[str, _Destination] | None) -> _Destination:
    if destinations is None:
        return NO_DESTINATION
    if prefix not in destinations:
        raise UnreadableCellError(
            "UNKNOWN_DESTINATION", f"the destinations file has no row for {prefix}; add one"
        )
    return destinations[prefix]


def _increments(text: str) -> tuple[str, str]:
    """The first and the next increment of a cell that holds both."""
    first, slash, following = (part.strip() for part in text.partition("/"))
    if slash and not (first and following):
        raise UnreadableCellError(
            "INVALID_QUANTITY", f"{text!r} is not two increments; write them like 60/1"
        )
    return first, following or first


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
        mapping.service.unit_size,
        mapping.price_denominator * (mapping.price_unit or mapping.service.unit_size),
        NANO_DECIMALS,
    )
    return _not_above(price, PRICE_NANOS_MAX, text)


def _connect_fee(mapping: DeckMapping, text: str) -> int:
    fee = scaled_amount(
        text, mapping.decimal_separator, 1, mapping.price_denominator, MICRO_DECIMALS
    )
    return _not_above(fee, CONNECT_FEE_MICROS_MAX, text)


def _not_above(amount: int, amount_max: int, text: str) -> int:
    if amount > amount_max:
        raise UnreadableCellError(
            "PRICE_TOO_LARGE", f"{text} is beyond every price; check the denominator"
        )
    return amount


def _check_readable(cells: Sequence[str]) -> None:
    if not cells:
        raise UnreadableCellError(
            "MALFORMED_ROW", "a quote is opened and not closed; correct the line"
        )


def _check_sold(row: Mapping[str, str], withdrawn_statuses: Sequence[str]) -> None:
    if row.get("status") in withdrawn_statuses:
        raise UnreadableCellError(
            "WITHDRAWN", f"the carrier marks it {row['status']!r}; it sells these calls no more"
        )


def _reject_repeated(deck: ParsedDeck) -> None:
    """The first row of a prefix counts; which of two the carrier meant is not ours to guess."""
    count, repeated = deck.rates.drop_repeated(REJECTED_ROWS_KEPT_MAX)
    rows = [
        RejectedRow(
            row.row_number,
            "DUPLICATE_PREFIX",
            f"prefix {row.prefix} is on line {row.first_row_number} already; remove one of them",
        )
        for row in repeated
    ]
    deck.reject(rows, count)
