"""Rows of calls from the messages of the contract, and prices to rows.

A batch of rows is priced as columns: a thousand objects of each kind would cost more than pricing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np

from chassis.grpc.wire_bytes import parsed
from kernel.clock import MICROS_PER_SECOND, MS_PER_SECOND
from kernel.money import NANOS_PER_MICRO
from services.rating.api.convert_quotes import (
    CallReader,
    add_receipt,
    error_to_proto,
    known_ids,
)
from services.rating.api.moments import LAST_MICROS
from services.rating.api.result_bytes import Bytes, encoded_results
from services.rating.api.row_bytes import RowBytes
from services.rating.domain.bulk.column_group import Bools, Places
from services.rating.domain.decks.prefix_table import Int32s, Int64s, padded_places
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.domain.usage import Service
from services.rating.usecases.quoting.quote_columns import PlannedColumns, PricedColumns, Wanted
from tollbook.rating.v1 import rating_service_pb2 as messages

NONE = messages.RECEIPT_DETAIL_NONE
NANOS_PER_MILLISECOND = 10**6
NANOS_PER_SECOND = 10**9


class RowsRequest:
    """A request as it came; its calls are messages only where one has to be read by itself."""

    def __init__(self, content: bytes) -> None:
        """Raises INVALID_REQUEST."""
        self._content = content
        rows = RowBytes.of(content)
        self.rows = self._rewritten() if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def calls(self) -> Sequence[messages.PriceCallRequest]:
        """The calls as messages. Raises INVALID_REQUEST."""
        return parsed(messages.PriceCallsRequest, self._content).calls

    def _rewritten(self) -> RowBytes:
        """The rows as protobuf writes them, with nothing between them."""
        rows = RowBytes.of(messages.PriceCallsRequest(calls=self.calls).SerializeToString())
        assert rows is not None, "nothing but calls was written"
        return rows


class _Fields(NamedTuple):
    """What the usual calls of a batch hold."""

    account_ids: list[bytes]
    callees: tuple[Int64s, Int32s]
    start_seconds: Int64s
    start_nanos: Int64s
    seconds: Int64s
    nanos: Int64s
    has_caller: Bools
    callers: tuple[Int64s, Int32s]
    services: Int64s
    receipt_details: Int64s
    are_read: Bools
    """Of which calls this is all there is; the others are to be read by themselves."""

    @classmethod
    def of(cls, rows: RowBytes) -> _Fields:
        """The fields as they follow each other in the bytes of each call."""
        account_ids = _texts(rows.content, *rows.texts(1))
        callees = _numbers(rows.content, *rows.texts(2))
        start, duration = _seconds_and_nanos(rows, 3), _seconds_and_nanos(rows, 4)
        begins, lengths = rows.texts(5)
        callers = _numbers(rows.content, begins, lengths)
        services, details = rows.numbers(8), rows.numbers(10)
        known = account_ids, callees, *start, *duration, lengths > 0, callers
        return cls(*known, services, details, rows.are_read())

    def are_usual(self, reader: CallReader) -> Bools:
        """Which are voice calls between international numbers, of a start and a duration."""
        usual: Bools = (
            self.are_read
            & (self.services <= Service.VOICE)
            & reader.are_e164(*self.callees)
            # An unset start means now, and an unset duration is refused.
            & (self.start_seconds > 0)
            & (self.start_seconds < LAST_MICROS // MICROS_PER_SECOND)
            & (np.maximum(self.start_nanos, self.nanos) < NANOS_PER_SECOND)
            & (self.seconds <= CALL_DURATION_SECONDS_MAX)
            & (self.seconds + self.nanos > 0)
        )
        if self.has_caller.any():
            usual &= ~self.has_caller | reader.are_e164(*self.callers)
        return usual


def planned_rows(reader: CallReader, request: RowsRequest) -> tuple[PlannedColumns, Wanted]:
    """The calls of a batch; the unusual ones are read by themselves when they are priced."""
    fields = _Fields.of(request.rows)
    account_ids, wants_receipts = fields.account_ids, fields.receipt_details > NONE
    for place in np.flatnonzero(~fields.are_read).tolist():
        account_ids[place] = request.calls[place].account_id.encode()
        wants_receipts[place] = request.calls[place].receipt_detail > NONE
    places: dict[bytes, int] = defaultdict(count().__next__)
    account_places = np.fromiter(map(places.__getitem__, account_ids), np.intp, len(account_ids))
    milliseconds = fields.nanos // NANOS_PER_MILLISECOND
    are_whole = fields.nanos == milliseconds * NANOS_PER_MILLISECOND
    starts = fields.start_seconds * MICROS_PER_SECOND + fields.start_nanos // NANOS_PER_MICRO
    planned = PlannedColumns(
        known_ids([account_id.decode(errors="replace") for account_id in places]),
        account_places,
        *fields.callees,
        starts,
        starts,
        fields.seconds * MS_PER_SECOND + milliseconds,
        fields.are_usual(reader) & are_whole,
        lambda place: reader.planned_call(request.calls[place]),
    )
    return planned, Wanted(receipts=bool(wants_receipts.any()))


def _seconds_and_nanos(rows: RowBytes, field: int) -> tuple[Int64s, Int64s]:
    """A timestamp or a duration; negative numbers are not expected."""
    rows.enter(field)
    both = rows.numbers(1), rows.numbers(2)
    rows.leave()
    return both


def _numbers(content: Bytes, begins: Places, lengths: Places) -> tuple[Int64s, Int32s]:
    """Padded telephone numbers and their lengths; each may begin with '+'."""
    if not lengths.any():
        return np.zeros(len(lengths), np.int64), np.zeros(len(lengths), np.int32)
    has_plus = (content.take(begins) == ord("+")) & (lengths > 0)
    if has_plus.any():
        begins, lengths = begins + has_plus, lengths - has_plus
    return padded_places(content, begins, lengths)


def _texts(content: Bytes, begins: Places, lengths: Places) -> list[bytes]:
    size = int(lengths.max(initial=0))
    if size and (lengths == size).all():
        windows = np.ndarray(len(content) - size + 1, f"V{size}", content, strides=(1,))
        of_one_size: list[bytes] = windows[begins].tolist()
        return of_one_size
    whole, ends = content.tobytes(), (begins + lengths).tolist()
    return [whole[begin:end] for begin, end in zip(begins.tolist(), ends, strict=True)]


def results_to_bytes(prices: PricedColumns, request: RowsRequest) -> bytes:
    """Prices as the bytes of a PriceCallsResponse."""
    results = encoded_results(prices)
    if prices.currencies.codes.all() and prices.receipts is None:
        return results
    response = messages.PriceCallsResponse.FromString(results)
    for place in np.flatnonzero(prices.currencies.codes == 0).tolist():
        response.results[place].price.amount.currency_code = ""
    for place, error in prices.errors.items():
        response.results[place].error.CopyFrom(error_to_proto(error))
    for place, receipt in enumerate(prices.receipts or ()):
        if receipt:
            detail = request.calls[place].receipt_detail
            add_receipt(response.results[place].price, receipt, detail)
    return response.SerializeToString()
