"""RatingService: prices calls and books nothing."""

from typing import Any

from sqlalchemy import Connection

from chassis.grpc.convert import duration_ms_from_proto, money_to_proto, time_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from kernel.clock import utc_now
from kernel.e164 import NumberPlan, normalise
from kernel.money import Money
from services.rating.api.convert_receipts import receipt_to_proto
from services.rating.domain.call_batch import PricedCall
from services.rating.usecases.price_call import PlannedCall, price_call
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1.rating_service_pb2 import PriceCallRequest, PriceCallResponse
from tollbook.rating.v1.rating_service_pb2_grpc import RatingServiceServicer
from tollbook.type.v1.call_pb2 import RatingOutcome


class RatingApi(RatingServiceServicer):
    """Prices calls of the caller's tenant."""

    def __init__(
        self, endpoint: Endpoint, tariffs: Tariffs, emergency_numbers: frozenset[str]
    ) -> None:
        self._endpoint = endpoint
        self._tariffs = tariffs
        # Callees come in international form; no country's own way of dialling applies to them.
        self._numbers = NumberPlan("999", "", emergency_numbers=emergency_numbers)

    async def PriceCall(self, request: PriceCallRequest, context: Any) -> PriceCallResponse:
        """Price one call."""
        call = PlannedCall(
            request.account_id,
            normalise("+" + request.callee.removeprefix("+"), self._numbers),
            time_from_proto(request.start_time) or utc_now(),
            duration_ms_from_proto(request.duration),
        )

        def work(connection: Connection, caller: Caller) -> PricedCall:
            return price_call(connection, self._tariffs, caller.tenant_id, call)

        price = await self._endpoint.query(work)
        return PriceCallResponse(
            outcome=RatingOutcome.ValueType(price.outcome),
            amount=money_to_proto(Money(price.currency, price.amount_micros)),
            receipt=receipt_to_proto(price.receipt),
        )
