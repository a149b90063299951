"""InvoiceAuditService."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.convert import watermarks_from_proto
from chassis.grpc.endpoint import Endpoint
from services.invoice.api.convert_invoice import digest_to_proto
from services.invoice.usecases.get_invoice_digest import get_invoice_digest
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class InvoiceAuditApi(pb_grpc.InvoiceAuditServiceServicer):
    """Proves the sums of all tenants."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetInvoiceDigest(
        self, request: pb.GetInvoiceDigestRequest, context: Context
    ) -> pb.GetInvoiceDigestResponse:
        """Return sums recomputed from the stored usage and invoices."""
        rating = watermarks_from_proto(request.rating_watermarks, "rating")
        invoice = watermarks_from_proto(request.invoice_watermarks, "invoice")
        digests = await self._endpoint.query(
            lambda connection, _caller: get_invoice_digest(connection, rating, invoice)
        )
        return pb.GetInvoiceDigestResponse(digests=[digest_to_proto(each) for each in digests])
