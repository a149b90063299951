"""PaymentService: takes payments."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import Position, decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from services.payment.api.convert import payment_to_proto, receipt_from_proto
from services.payment.domain.payment import Payment
from services.payment.store.payments import get_payment, list_payments
from services.payment.usecases.posting.record_payment import record_payment
from tollbook.payment.v1.payment_service_pb2 import (
    GetPaymentRequest,
    GetPaymentResponse,
    ListPaymentsRequest,
    ListPaymentsResponse,
    RecordPaymentRequest,
    RecordPaymentResponse,
)
from tollbook.payment.v1.payment_service_pb2_grpc import PaymentServiceServicer


class PaymentApi(PaymentServiceServicer):
    """Takes payments of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def RecordPayment(
        self, request: RecordPaymentRequest, context: Any
    ) -> RecordPaymentResponse:
        """Record a payment and post it."""

        def work(unit_of_work: UnitOfWork, caller: Caller) -> RecordPaymentResponse:
            receipt = receipt_from_proto(request.payment)
            payment = record_payment(unit_of_work, caller.tenant_id, receipt, caller.subject)
            return RecordPaymentResponse(payment=payment_to_proto(payment))

        return await self._endpoint.mutate(request, RecordPaymentResponse, work)

    async def GetPayment(self, request: GetPaymentRequest, context: Any) -> GetPaymentResponse:
        """Return a payment."""

        def work(connection: Connection, caller: Caller) -> Payment:
            return get_payment(connection, caller.tenant_id, request.payment_id)

        payment = await self._endpoint.query(work)
        return GetPaymentResponse(payment=payment_to_proto(payment))

    async def ListPayments(
        self, request: ListPaymentsRequest, context: Any
    ) -> ListPaymentsResponse:
        """List payments, newest first."""
        size = page_size(request.page_size)
        place = decode_token(request.page_token)
        before = None if place is None else (from_micros(place[0]), str(place[1]))

        def work(connection: Connection, caller: Caller) -> list[Payment]:
            tenant_id, account_id = caller.tenant_id, request.account_id
            return list_payments(connection, tenant_id, account_id, before, size + 1)

        payments = await self._endpoint.query(work)
        return ListPaymentsResponse(
            payments=[payment_to_proto(payment) for payment in payments[:size]],
            next_page_token=token_after(payments, size, _position),
        )


def _position(payment: Payment) -> Position:
    return [to_micros(payment.create_time), payment.receipt.payment_id]
