"""Columns of calls from the messages of the contract, and columns of prices to them."""

import numpy as np

from chassis import columns
from services.rating.api.convert_quotes import (
    CallReader,
    begin_micros,
    checked_duration,
    checked_quantity,
    known_id,
    known_ids,
    priced_service,
)
from services.rating.api.moments import FIRST_MICROS, LAST_MICROS, checked_micros
from services.rating.domain.bulk.column_group import Bools
from services.rating.domain.decks.prefix_table import UInt32s, padded_columns, padded_text
from services.rating.domain.usage import Service
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.quote_columns import PlannedColumns, PricedColumns
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.type.v1.columns_pb2 import ColumnBatch

CALLS_MAX = 5_000


class ColumnReader:
    """Reads the columns of a request. MALFORMED_COLUMNS, SCHEMA_TOO_NEW."""

    def __init__(self, reader: CallReader, batch: ColumnBatch) -> None:
        self._reader = reader
        given = columns.decode(batch)
        if not 1 <= given.row_count <= CALLS_MAX:
            raise columns.malformed("row_count", f"{given.row_count} rows; send 1 to {CALLS_MAX}")
        self._account_places, self._account_ids = given.dictionary_codes("account_id")
        self._callees = given.encoded_text("callee")
        self._starts = given.int64("start_time")
        self._durations = given.int64("duration")
        self._begins = self._starts
        if "begin_time" in given:
            begins = given.int64("begin_time")
            self._begins = np.where(given.nulls("begin_time"), self._starts, begins)
        self._callers = given.encoded_text("caller") if "caller" in given else None
        self._routing = (
            given.dictionary_codes("routing_number") if "routing_number" in given else None
        )
        self._services = given.uint8("service") if "service" in given else None
        self._quantities = given.int64("quantity") if "quantity" in given else None

    def planned(self) -> PlannedColumns:
        """The calls to be priced."""
        numbers, lengths = padded_text(*self._callees)
        is_usual = self._reader.are_e164(numbers, lengths)
        if self._routing is not None:
            codes, words = self._routing
            routing_numbers, routing_lengths = padded_columns(words)
            is_ported = (np.array([bool(word) for word in words], np.bool_))[codes]
            is_usual &= ~is_ported | self._reader.are_e164(routing_numbers, routing_lengths)[codes]
            numbers = np.where(is_ported, routing_numbers[codes], numbers)
            lengths = np.where(is_ported, routing_lengths[codes], lengths)
        if self._callers is not None:
            is_usual &= self._are_callers()
        if self._services is not None:
            is_usual &= self._services <= Service.VOICE
        return PlannedColumns(
            known_ids(self._account_ids),
            self._account_places,
            numbers,
            lengths,
            self._starts,
            self._begins,
            self._durations,
            is_usual & (self._starts >= FIRST_MICROS) & (self._starts < LAST_MICROS),
            self.call_at,
        )

    def call_at(self, place: int) -> PlannedCall:
        """The call at a place, with all that makes no sense refused as in a request of its own."""
        service = priced_service(int(self._services[place]) if self._services is not None else 0)
        is_voice = service is Service.VOICE
        start = checked_micros("start_time", int(self._starts[place]))
        quantity = int(self._quantities[place]) if self._quantities is not None else 0
        return PlannedCall(
            known_id(self._account_ids[self._account_places[place]]),
            self._reader.callee(_text_at(self._callees, place)),
            start,
            begin_micros(start, checked_micros("begin_time", int(self._begins[place]))),
            checked_duration(int(self._durations[place])) if is_voice else 0,
            self._reader.number(_text_at(self._callers, place) if self._callers else ""),
            self._reader.number(self._routing_number(place)),
            service,
            0 if is_voice else checked_quantity(quantity),
        )

    def _are_callers(self) -> Bools:
        """Which calling numbers are international ones, or left empty."""
        assert self._callers is not None
        _, offsets = self._callers
        are_empty: Bools = offsets[1:] == offsets[:-1]
        return are_empty | self._reader.are_e164(*padded_text(*self._callers))

    def _routing_number(self, place: int) -> str:
        if self._routing is None:
            return ""
        codes, words = self._routing
        return words[int(codes[place])]


def _text_at(column: tuple[bytes, UInt32s], place: int) -> str:
    values, offsets = column
    return values[offsets[place] : offsets[place + 1]].decode(errors="replace")


def prices_to_proto(prices: PricedColumns) -> messages.PriceCallColumnsResponse:
    """Prices as columns."""
    table = {
        "outcome": columns.uint8(prices.outcomes),
        "reason": columns.coded(prices.reasons.codes, prices.reasons.words),
        "currency": columns.coded(prices.currencies.codes, prices.currencies.words),
        "amount": columns.int64(prices.amounts),
        "charged_quantity": columns.int64(prices.charged),
    }
    if prices.wanted.rates:
        table["prefix"] = columns.coded(prices.prefixes.codes, prices.prefixes.words)
        table["usage_line"] = columns.coded(prices.usage_lines.codes, prices.usage_lines.words)
    if prices.receipts is not None:
        table["receipt"] = columns.encoded_text(prices.receipts)
    batch = columns.encode(table, len(prices.outcomes))
    return messages.PriceCallColumnsResponse(prices=batch)
