"""RatingService: prices calls and books nothing."""

from collections.abc import AsyncIterator
from typing import Any

from chassis.grpc.convert import money_from_proto
from chassis.grpc.wire_bytes import takes_bytes
from chassis.security.caller import current_caller
from kernel.errors import DomainError
from services.rating.api.convert_quotes import (
    CallReader,
    error_to_proto,
    price_to_proto,
    quote_to_proto,
)
from services.rating.api.quote_columns import CALLS_MAX, ColumnReader, prices_to_proto
from services.rating.api.quote_rows import RowsRequest, planned_rows, results_to_bytes
from services.rating.domain.errors import invalid_field
from services.rating.usecases.quoting.pricing_memory import PricingMemory
from services.rating.usecases.quoting.quote_call import CallQuotes
from services.rating.usecases.quoting.quote_calls import Quotes
from services.rating.usecases.quoting.quote_columns import ColumnQuotes, Wanted
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
        return await self._price(current_caller().tenant_id, request, DATA)

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

    @takes_bytes
    async def PriceCalls(self, content: bytes, context: Any) -> bytes:  # type: ignore[override]
        """Price calls in rows, each for itself: a PriceCallsRequest and its answer."""
        request = RowsRequest(content)
        if not 1 <= len(request) <= CALLS_MAX:
            problem = f"{len(request)} calls; send 1 to {CALLS_MAX} at a time"
            raise invalid_field("BATCH_TOO_LARGE", "calls", problem)
        calls, wanted = planned_rows(self._reader, request)
        prices = await self._column_quotes.price(current_caller().tenant_id, calls, wanted)
        return results_to_bytes(prices, request)

    async def PriceCallColumns(
        self, request: messages.PriceCallColumnsRequest, context: Any
    ) -> messages.PriceCallColumnsResponse:
        """Price calls in columns."""
        calls = ColumnReader(self._reader, request.calls).planned()
        wanted = Wanted(request.include_rates, request.include_receipts)
        prices = await self._column_quotes.price(current_caller().tenant_id, calls, wanted)
        return prices_to_proto(prices)

    async def PriceCallStream(
        self, requests: AsyncIterator[messages.PriceCallStreamRequest], context: Any
    ) -> AsyncIterator[messages.PriceCallStreamResponse]:
        """Price calls as they come; the next is read once the one before is answered."""
        tenant_id = current_caller().tenant_id
        async for request in requests:
            answer = messages.PriceCallStreamResponse(correlation_id=request.correlation_id)
            try:
                answer.price.CopyFrom(await self._price(tenant_id, request.call, NONE))
            except DomainError as error:
                answer.error.CopyFrom(error_to_proto(error))
            yield answer

    async def _price(
        self,
        tenant_id: str,
        request: messages.PriceCallRequest,
        usual_detail: messages.ReceiptDetail.ValueType,
    ) -> messages.PriceCallResponse:
        detail = request.receipt_detail or usual_detail
        call = self._reader.planned_call(request)
        price = await self._quotes.price(tenant_id, call, detail != NONE)
        return price_to_proto(price, detail)
