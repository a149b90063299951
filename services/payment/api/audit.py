"""PaymentAuditService: proves the ledger."""

from typing import Any

from sqlalchemy import Connection

from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from services.payment.api.convert import audit_to_proto
from services.payment.domain.ledger.audit import LedgerAudit, Watermarks
from services.payment.usecases.ledger.audit_ledger import audit_ledger
from tollbook.payment.v1.payment_service_pb2 import (
    GetPaymentDigestRequest,
    GetPaymentDigestResponse,
)
from tollbook.payment.v1.payment_service_pb2_grpc import PaymentAuditServiceServicer

RATING = "rating"
INVOICE = "invoice"


class PaymentAuditApi(PaymentAuditServiceServicer):
    """Proves the books of every tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetPaymentDigest(
        self, request: GetPaymentDigestRequest, context: Any
    ) -> GetPaymentDigestResponse:
        """Recompute the sums and walk the chains."""
        watermarks = watermarks_of(request)

        def work(connection: Connection, _caller: Caller) -> LedgerAudit:
            return audit_ledger(connection, watermarks)

        return audit_to_proto(await self._endpoint.query(work))


def watermarks_of(request: GetPaymentDigestRequest) -> Watermarks:
    """Up to where rating's and invoice's events count."""
    named = ((RATING, request.rating_watermarks), (INVOICE, request.invoice_watermarks))
    return Watermarks(
        {
            (producer, watermark.partition): watermark.sequence
            for producer, watermarks in named
            for watermark in watermarks
        }
    )
