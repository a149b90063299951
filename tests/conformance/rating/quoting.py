"""Asks for quotes through every door of rating."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo

from chassis import columns
from chassis.grpc.convert import time_from_proto, time_to_proto
from kernel.clock import to_micros
from kernel.errors import DomainError
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NETHERLANDS, NOON
from tollbook.rating.v1 import rating_service_pb2 as messages


def call(desk: Desk, **changes: Any) -> messages.PriceCallRequest:
    """A minute to the Netherlands at noon, unless said otherwise."""
    fields = {
        "account_id": desk.account_id,
        "callee": NETHERLANDS,
        "start_time": time_to_proto(NOON),
        "duration": Duration(seconds=60),
    }
    return messages.PriceCallRequest(**{**fields, **changes})


def as_columns(calls: list[messages.PriceCallRequest]) -> messages.PriceCallColumnsRequest:
    """The same calls in columns."""
    durations = [each.duration.seconds * 1_000 for each in calls]
    services = [each.service for each in calls]
    table = {
        "account_id": columns.dictionary([each.account_id for each in calls]),
        "callee": columns.text([each.callee for each in calls]),
        "start_time": columns.int64([_micros(each) for each in calls]),
        "duration": columns.int64(durations),
        "service": columns.uint8(services),
        "quantity": columns.int64([each.quantity for each in calls]),
        "caller": columns.text([each.caller for each in calls]),
        "routing_number": columns.dictionary([each.routing_number for each in calls]),
    }
    batch = columns.encode(table, len(calls))
    return messages.PriceCallColumnsRequest(calls=batch, include_rates=True, include_receipts=True)


def _micros(request: messages.PriceCallRequest) -> int:
    moment = time_from_proto(request.start_time)
    return to_micros(moment) if moment else 0


async def priced_rows(
    desk: Desk, calls: Sequence[messages.PriceCallRequest]
) -> Sequence[messages.PriceCallResult]:
    """The prices of calls in rows."""
    request = messages.PriceCallsRequest(calls=calls)
    answer = await desk.rating.PriceCalls(request.SerializeToString(), None)
    return messages.PriceCallsResponse.FromString(answer).results


async def priced_columns(desk: Desk, calls: list[messages.PriceCallRequest]) -> columns.Columns:
    """The prices of calls as columns."""
    answer = await desk.rating.PriceCallColumns(as_columns(calls), None)
    return columns.decode(answer.prices)


async def streamed(
    desk: Desk, calls: list[messages.PriceCallRequest]
) -> list[messages.PriceCallStreamResponse]:
    """The answers of a stream."""

    async def requests() -> AsyncIterator[messages.PriceCallStreamRequest]:
        for place, each in enumerate(calls):
            yield messages.PriceCallStreamRequest(correlation_id=f"call-{place}", call=each)

    return [answer async for answer in desk.rating.PriceCallStream(requests(), None)]


async def reason_of(answer: Any) -> str:
    """The reason for which a request is refused; empty when it is not."""
    try:
        await answer
    except DomainError as error:
        return error.reason
    return ""


def reason_in(result: Any) -> str:
    """The reason of an error beside prices."""
    detail = ErrorInfo()
    result.error.details[0].Unpack(detail)
    return detail.reason
