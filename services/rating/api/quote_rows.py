"""Rows of calls from the messages of the contract, and prices to rows.

A batch of rows is priced as columns: a thousand objects of each kind would cost more than pricing.
"""

from collections.abc import Sequence

import numpy as np

from chassis.grpc.convert import MICROS_PER_SECOND, MILLISECONDS_PER_SECOND, NANOS_PER_MICRO
from services.rating.api.convert_quotes import (
    CallReader,
    add_receipt,
    error_to_proto,
    known_ids,
)
from services.rating.api.moments import LAST_MICROS
from services.rating.api.result_bytes import encoded_results
from services.rating.domain.decks.prefix_table import padded_columns
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.domain.usage import Service
from services.rating.usecases.quote_columns import PlannedColumns, PricedColumns
from tollbook.rating.v1 import rating_service_pb2 as messages

NANOS_PER_MILLISECOND = 10**6


def planned_rows(
    reader: CallReader, requests: Sequence[messages.PriceCallRequest]
) -> PlannedColumns:
    """The calls of a batch; the unusual ones are read by themselves when they are priced."""
    places: dict[str, int] = {}
    of_calls, callees, times, usual = [], [], [], []
    for request in requests:
        account_id, callee = request.account_id, request.callee
        start, duration = request.start_time, request.duration
        of_calls.append(places.setdefault(account_id, len(places)))
        callees.append(callee[1:] if callee[:1] == "+" else callee)
        times.append((start.seconds, start.nanos, duration.seconds, duration.nanos))
        usual.append(
            request.service <= Service.VOICE
            and not request.routing_number
            and not request.HasField("begin_time")
            and (not request.caller or reader.is_number(request.caller))
        )
    numbers, lengths = padded_columns(callees)
    seconds, nanos, lasting, lasting_nanos = np.array(times, np.int64).T
    milliseconds, rest = np.divmod(lasting_nanos, NANOS_PER_MILLISECOND)
    is_usual = (
        np.array(usual, np.bool_)
        & reader.are_e164(numbers, lengths)
        # An unset start means now, and an unset duration is refused.
        & (seconds > 0)
        & (seconds < LAST_MICROS // MICROS_PER_SECOND)
        & (lasting >= 0)
        & (lasting <= CALL_DURATION_SECONDS_MAX)
        & (lasting + lasting_nanos > 0)
        & (rest == 0)
    )
    starts = seconds * MICROS_PER_SECOND + nanos // NANOS_PER_MICRO
    return PlannedColumns(
        known_ids(list(places)),
        np.array(of_calls, np.intp),
        numbers,
        lengths,
        starts,
        starts,
        lasting * MILLISECONDS_PER_SECOND + milliseconds,
        is_usual & (nanos >= 0) & (lasting_nanos >= 0),
        lambda place: reader.planned_call(requests[place]),
    )


def results_to_proto(
    prices: PricedColumns, requests: Sequence[messages.PriceCallRequest]
) -> messages.PriceCallsResponse:
    """Prices as rows."""
    response = messages.PriceCallsResponse.FromString(encoded_results(prices))
    results = response.results
    for place in np.flatnonzero(prices.currencies.codes == 0).tolist():
        results[place].price.amount.currency_code = ""
    for place, error in prices.errors.items():
        results[place].error.CopyFrom(error_to_proto(error))
    for place, receipt in enumerate(prices.receipts or ()):
        if receipt:
            add_receipt(results[place].price, receipt, requests[place].receipt_detail)
    return response
