"""InvoiceService."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from grpc.aio import ServicerContext

from chassis.database.engine import Database
from chassis.grpc.convert import time_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from chassis.security.caller import current_caller
from services.invoice.api.convert_invoice import invoice_to_proto, period_to_proto
from services.invoice.api.documents.render import render
from services.invoice.domain.billing_period import PeriodState
from services.invoice.store import invoices
from services.invoice.store.vault import Vault
from services.invoice.usecases.close_billing_period import seal_oldest_period
from services.invoice.usecases.complete_period import complete_period
from services.invoice.usecases.get_invoice_document import get_invoice_document
from services.invoice.usecases.list_billing_periods import (
    PeriodUsage,
    list_billing_periods,
    with_usage,
)
from services.invoice.usecases.load import load_invoice
from services.invoice.usecases.rating import Rating
from services.invoice.usecases.seal_period import Closing
from tollbook.invoice.v1 import invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]

DOCUMENT_PIECE_BYTES = 256 * 1024


class InvoiceApi(pb_grpc.InvoiceServiceServicer):
    """Closes periods and hands out invoices."""

    def __init__(
        self, endpoint: Endpoint, database: Database, vault: Vault, rating: Rating
    ) -> None:
        self._endpoint = endpoint
        self._database = database
        self._vault = vault
        self._rating = rating

    async def CloseBillingPeriod(
        self, request: pb.CloseBillingPeriodRequest, context: Context
    ) -> pb.CloseBillingPeriodResponse:
        """Close the oldest open period of an account, or go on where a crash stopped."""
        known = await self._endpoint.remembered(request, pb.CloseBillingPeriodResponse)
        if known is not None:
            return known
        closing = Closing(
            current_caller().tenant_id,
            request.account_id,
            time_from_proto(request.period_start_time),
            request.request_id,
        )
        period = await seal_oldest_period(self._database, self._rating, closing)

        def complete(uow: Any, caller: Any) -> pb.CloseBillingPeriodResponse:
            closed = complete_period(uow, self._vault, caller.tenant_id, period)
            [answer] = with_usage(uow.connection, caller.tenant_id, [closed])
            return pb.CloseBillingPeriodResponse(billing_period=_period(answer))

        return await self._endpoint.mutate(request, pb.CloseBillingPeriodResponse, complete)

    async def ListBillingPeriods(
        self, request: pb.ListBillingPeriodsRequest, context: Context
    ) -> pb.ListBillingPeriodsResponse:
        """List billing periods by account and start."""
        asked = requested_page(request)
        state = PeriodState(request.state) if request.state else None
        page = await self._endpoint.query(
            lambda connection, caller: list_billing_periods(
                connection, caller.tenant_id, request.account_id, state, asked
            )
        )
        return pb.ListBillingPeriodsResponse(
            billing_periods=[_period(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

    async def GetInvoice(
        self, request: pb.GetInvoiceRequest, context: Context
    ) -> pb.GetInvoiceResponse:
        """Return an invoice."""
        found = await self._endpoint.query(
            lambda connection, caller: load_invoice(
                connection, caller.tenant_id, request.invoice_id
            )
        )
        return pb.GetInvoiceResponse(invoice=invoice_to_proto(found))

    async def ListInvoices(
        self, request: pb.ListInvoicesRequest, context: Context
    ) -> pb.ListInvoicesResponse:
        """List invoices, newest first."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: invoices.list_invoices(
                connection, caller.tenant_id, request.account_id, asked
            )
        )
        return pb.ListInvoicesResponse(
            invoices=[invoice_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

    async def DownloadInvoiceDocument(
        self, request: pb.DownloadInvoiceDocumentRequest, context: Context
    ) -> AsyncIterator[pb.DownloadInvoiceDocumentResponse]:
        """Send a document in pieces; it is made on a worker thread, the same at every time."""
        document = await self._endpoint.query(
            lambda connection, caller: get_invoice_document(
                connection, self._vault, caller.tenant_id, request.invoice_id
            )
        )
        file = await asyncio.to_thread(render, document, request.kind)
        for at in range(0, len(file.content), DOCUMENT_PIECE_BYTES):
            yield pb.DownloadInvoiceDocumentResponse(
                content=file.content[at : at + DOCUMENT_PIECE_BYTES],
                file_name="" if at else file.name,
            )


def _period(each: PeriodUsage) -> invoice_pb2.BillingPeriod:
    return period_to_proto(each.period, each.usage, each.currency)
