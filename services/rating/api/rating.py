"""RatingService: prices calls and books nothing."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from chassis.grpc.convert import money_from_proto
from chassis.security.caller import current_caller
from kernel.errors import DomainError
from services.rating.api.convert_quotes import (
    CallReader,
    error_to_proto,
    price_to_proto,
    quote_to_proto,
)
from services.rating.api.quote_columns import ColumnReader, prices_to_proto
from services.rating.domain.errors import invalid_field
from services.rating.usecases.pricing_memory import PricingMemory
from services.rating.usecases.quote_call import CallQuotes
from services.rating.usecases.quote_calls import PlannedCall, Quote, Quotes
from services.rating.usecases.quote_columns import ColumnQuotes
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import RatingServiceServicer

NONE, DATA = messages.RECEIPT_DETAIL_NONE, messages.RECEIPT_DETAIL_DATA


class RatingApi(RatingServiceServicer):
    """Prices calls of the caller's tenant."""

    def __init__(self, memory: PricingMemory, emergency_numbers: frozenset[str]) -> None:
        self._reader = CallReader(emergency_numbers)
        self._quotes = Quotes(memory)
        self._call_quotes = CallQuotes(memory, self._quotes)
        self._column_quotes = ColumnQuotes(memory, self._quotes)

    async def PriceCall(
        self, request: messages.PriceCallRequest, context: Any
    ) -> messages.PriceCallResponse:
        """Price one call."""
        detail = request.receipt_detail or DATA
        call = self._reader.planned_call(request)
        price = await self._quotes.price(current_caller().tenant_id, call, detail != NONE)
        return price_to_proto(price, detail)

    async def QuoteCall(
        self, request: messages.QuoteCallRequest, context: Any
    ) -> messages.QuoteCallResponse:
        """Price a call that has not happened."""
        tenant_id, call = current_caller().tenant_id, self._reader.quoted_call(request)
        match request.WhichOneof("limit"):
            case "duration":
                quote = await self._call_quotes.for_duration(tenant_id, call)
            case "budget":
                budget = money_from_proto(request.budget)
                quote = await self._call_quotes.for_budget(tenant_id, call, budget)
            case _:
                raise invalid_field("INVALID_DURATION", "limit", "give a duration or a budget")
        return quote_to_proto(quote)

    async def PriceCalls(
        self, request: messages.PriceCallsRequest, context: Any
    ) -> messages.PriceCallsResponse:
        """Price calls in rows, each for itself."""
        results = await self._results(current_caller().tenant_id, request.calls)
        return messages.PriceCallsResponse(results=results)

    async def PriceCallColumns(
        self, request: messages.PriceCallColumnsRequest, context: Any
    ) -> messages.PriceCallColumnsResponse:
        """Price calls in columns."""
        calls = ColumnReader(self._reader, request.calls).planned()
        prices = await self._column_quotes.price(
            current_caller().tenant_id, calls, request.include_receipts
        )
        return prices_to_proto(prices)

    async def PriceCallStream(
        self, requests: AsyncIterator[messages.PriceCallStreamRequest], context: Any
    ) -> AsyncIterator[messages.PriceCallStreamResponse]:
        """Price calls as they come; the next is read once the one before is answered."""
        tenant_id = current_caller().tenant_id
        async for request in requests:
            [result] = await self._results(tenant_id, [request.call])
            answer = messages.PriceCallStreamResponse(correlation_id=request.correlation_id)
            if result.HasField("error"):
                answer.error.CopyFrom(result.error)
            else:
                answer.price.CopyFrom(result.price)
            yield answer

    async def _results(
        self, tenant_id: str, requests: Sequence[messages.PriceCallRequest]
    ) -> list[messages.PriceCallResult]:
        read = [self._read(request) for request in requests]
        calls = [call for call in read if isinstance(call, PlannedCall)]
        with_receipts = any(request.receipt_detail > NONE for request in requests)
        quotes = iter(await self._quotes.price_each(tenant_id, calls, with_receipts))
        return [
            _result(call if isinstance(call, DomainError) else next(quotes), request)
            for call, request in zip(read, requests, strict=True)
        ]

    def _read(self, request: messages.PriceCallRequest) -> PlannedCall | DomainError:
        try:
            return self._reader.planned_call(request)
        except DomainError as error:
            return error


def _result(quote: Quote, request: messages.PriceCallRequest) -> messages.PriceCallResult:
    if isinstance(quote, DomainError):
        return messages.PriceCallResult(error=error_to_proto(quote))
    detail = request.receipt_detail or NONE
    return messages.PriceCallResult(price=price_to_proto(quote, detail))
