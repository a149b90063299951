"""Drives invoice as its callers and neighbours do, without a network of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection, select

from chassis.bus.envelope import Envelope
from chassis.bus.handler import EventHandler, apply_together
from chassis.bus.inbox import note_applied
from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc import running_call
from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.sealing import MasterKey
from kernel.clock import utc_now
from kernel.ids import new_uuid
from kernel.partition import partition_of
from kernel.period import Period
from services.invoice.api.audit_api import InvoiceAuditApi
from services.invoice.api.customer_api import CustomerApi
from services.invoice.api.invoice_api import InvoiceApi
from services.invoice.api.legal_entity_api import LegalEntityApi
from services.invoice.api.tenant_api import TenantApi
from services.invoice.events.calls_rated import calls_rated
from services.invoice.events.settlements import SETTLEMENTS
from services.invoice.store.vault import Vault
from services.invoice.usecases.complete_sealed_periods import complete_sealed_periods
from services.invoice.usecases.rating import Rating
from tests.conformance.invoice.payment_events import (
    debt_reinstated,
    debt_written_off,
    payment_reversed,
    payment_settled,
)
from tests.conformance.invoice.rating_book import Rated, RatingBook, batch
from tollbook.invoice.v1 import customer_pb2, invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.personal_text_pb2 import PersonalText
from tollbook.type.v1.time_range_pb2 import TimeRange
from tollbook.type.v1.watermark_pb2 import Watermark

T = TypeVar("T")

OCTOBER = Period(datetime(2025, 9, 30, 22, tzinfo=UTC), datetime(2025, 10, 31, 23, tzinfo=UTC))
"""October 2025 in Amsterdam, with the hour that summer time gives back."""
NOVEMBER = Period(OCTOBER.end, datetime(2025, 11, 30, 23, tzinfo=UTC))
NOON = datetime(2025, 10, 15, 10, tzinfo=UTC)


@dataclass
class Office:
    """The service and what it knows of rating."""

    database: Database
    book: RatingBook
    rating: Rating
    tenant: str = "acme"
    _sequences: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.vault = Vault(MasterKey(bytes(32)))
        endpoint = Endpoint(self.database)
        self.tenants = TenantApi(endpoint)
        self.entities = LegalEntityApi(endpoint)
        self.customers = CustomerApi(endpoint, self.vault, self.rating)
        self.invoices = InvoiceApi(endpoint, self.database, self.vault, self.rating)
        self.audits = InvoiceAuditApi(endpoint)

    def of(self, tenant: str) -> "Office":
        """The same service, called for another tenant."""
        return replace(self, tenant=tenant)

    async def call(self, method: Callable[[Any, Any], Awaitable[T]], request: Any) -> T:
        """Call a method for the tenant; a mutating request gets an id of its own."""
        caller.enter_call(caller.Caller(f"ops@{self.tenant}", self.tenant, frozenset()))
        running_call.enter_call(f"tollbook.invoice.v1/{method.__name__}", None)
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = new_uuid()
        return await method(request, None)

    async def found(
        self, prefix: str = "NL", basis_points: int = 2_100
    ) -> customer_pb2.LegalEntity:
        """A tenant with a legal entity and a tax rate."""
        wanted = customer_pb2.Tenant(tenant_id=self.tenant, display_name="A tenant")
        await self.call(self.tenants.CreateTenant, pb.CreateTenantRequest(tenant=wanted))
        rate = customer_pb2.TaxRate(
            country_code="NL",
            display_name="VAT 21 %",
            basis_points=basis_points,
            effective_time=time_to_proto(datetime(2020, 1, 1, tzinfo=UTC)),
        )
        await self.call(self.entities.CreateTaxRate, pb.CreateTaxRateRequest(tax_rate=rate))
        return await self.entity(prefix)

    async def entity(self, prefix: str) -> customer_pb2.LegalEntity:
        """A legal entity."""
        wanted = customer_pb2.LegalEntity(
            code=prefix.lower(),
            display_name=f"Telecom {prefix} B.V.",
            address_lines=["Keizersgracht 100", "1015 CV Amsterdam"],
            country_code="NL",
            tax_number="NL001234567B01",
            invoice_prefix=prefix,
        )
        request = pb.CreateLegalEntityRequest(legal_entity=wanted)
        return (await self.call(self.entities.CreateLegalEntity, request)).legal_entity

    async def customer(self, external_id: str = "CRM-1") -> customer_pb2.Customer:
        """A customer."""
        wanted = customer_pb2.Customer(
            external_id=external_id,
            display_name=PersonalText(text="Ada Lovelace"),
            address=PersonalText(text="St James's Square 12\nLondon"),
            email=PersonalText(text="ada@example.com"),
            country_code="GB",
        )
        request = pb.CreateCustomerRequest(customer=wanted)
        return (await self.call(self.customers.CreateCustomer, request)).customer

    async def account(
        self,
        entity: customer_pb2.LegalEntity,
        customer: customer_pb2.Customer,
        code: str = "A-1",
        **details: Any,
    ) -> customer_pb2.Account:
        """A postpaid account in Amsterdam whose first period is October 2025."""
        stated: dict[str, Any] = {
            "code": code,
            "customer_id": customer.customer_id,
            "legal_entity_id": entity.legal_entity_id,
            "currency_code": "EUR",
            "time_zone": "Europe/Amsterdam",
            "payment_mode": customer_pb2.PAYMENT_MODE_POSTPAID,
            "billing_day": 1,
            "start_time": time_to_proto(NOON),
        }
        wanted = customer_pb2.Account(**(stated | details))
        request = pb.CreateAccountRequest(account=wanted)
        return (await self.call(self.customers.CreateAccount, request)).account

    async def opened(self, **details: Any) -> customer_pb2.Account:
        """An account with all that it needs."""
        return await self.account(await self.found(), await self.customer(), **details)

    async def line(
        self, account_id: str, identifier: str, start: datetime, end: datetime | None = None
    ) -> customer_pb2.Line:
        """A SIP user of an account."""
        wanted = customer_pb2.Line(
            account_id=account_id,
            kind=customer_pb2.LINE_KIND_SIP_USER,
            identifier=identifier,
            validity=TimeRange(start_time=time_to_proto(start), end_time=time_to_proto(end)),
        )
        return (await self.call(self.customers.CreateLine, pb.CreateLineRequest(line=wanted))).line

    async def subscribe(
        self,
        account_id: str,
        start: datetime,
        end: datetime | None = None,
        currency: str = "EUR",
    ) -> customer_pb2.Subscription:
        """A subscription of a plan in a currency."""
        plan_id = new_uuid()
        self.book.plan_currencies[plan_id] = currency
        wanted = customer_pb2.Subscription(
            account_id=account_id,
            plan_id=plan_id,
            validity=TimeRange(start_time=time_to_proto(start), end_time=time_to_proto(end)),
        )
        request = pb.CreateSubscriptionRequest(subscription=wanted)
        return (await self.call(self.customers.CreateSubscription, request)).subscription

    async def close(
        self, account_id: str, start: datetime | None = None
    ) -> invoice_pb2.BillingPeriod:
        """Close the oldest open period of an account."""
        request = pb.CloseBillingPeriodRequest(
            account_id=account_id, period_start_time=time_to_proto(start)
        )
        answer = await self.call(self.invoices.CloseBillingPeriod, request)
        return answer.billing_period

    async def invoice(self, invoice_id: str) -> invoice_pb2.Invoice:
        """An invoice."""
        request = pb.GetInvoiceRequest(invoice_id=invoice_id)
        return (await self.call(self.invoices.GetInvoice, request)).invoice

    async def download(self, invoice_id: str, kind: int) -> tuple[str, bytes, int]:
        """A document: its name, its bytes, and the size of the largest piece."""
        caller.enter_call(caller.Caller(f"ops@{self.tenant}", self.tenant, frozenset()))
        request = pb.DownloadInvoiceDocumentRequest(
            invoice_id=invoice_id, kind=invoice_pb2.DocumentKind.ValueType(kind)
        )
        download: Callable[[Any, Any], AsyncIterator[Any]] = self.invoices.DownloadInvoiceDocument
        pieces = [piece async for piece in download(request, None)]
        content = b"".join(piece.content for piece in pieces)
        return pieces[0].file_name, content, max(len(piece.content) for piece in pieces)

    async def digest(self, *marks: Watermark) -> dict[str, pb.InvoiceDigest]:
        """The sums by tenant, up to watermarks."""
        request = pb.GetInvoiceDigestRequest(
            rating_watermarks=[mark for mark in marks if mark.producer == "rating"],
            invoice_watermarks=[mark for mark in marks if mark.producer == "invoice"],
        )
        answer = await self.call(self.audits.GetInvoiceDigest, request)
        return {digest.tenant_id: digest for digest in answer.digests}

    async def rate(self, *rows: Rated) -> None:
        """Rating charges calls, and the event arrives."""
        await self.deliver(self.event(self.book.charge(*rows), rows[0].payer_id))

    async def deliver_fees(self) -> None:
        """The fees that rating has charged arrive."""
        for fee in self.book.fees.values():
            body = batch([fee])
            await self.deliver(self.event(body, fee.payer_id, fee.tenant))

    async def pay(self, account_id: str, micros: int, invoice_id: str = "") -> str:
        """A payment of an account arrives; its id."""
        payment = payment_settled(account_id, micros, invoice_id)
        await self.deliver(self.event(payment, account_id))
        return payment.payment_id

    async def take_back(self, account_id: str, payment_id: str) -> None:
        """A payment of an account was recorded wrongly."""
        await self.deliver(self.event(payment_reversed(account_id, payment_id), account_id))

    async def write_off(self, account_id: str, micros: int, invoice_id: str = "") -> str:
        """A debt of an account was given up; the adjustment's id."""
        debt = debt_written_off(account_id, micros, invoice_id)
        await self.deliver(self.event(debt, account_id))
        return debt.adjustment_id

    async def reinstate(self, account_id: str, write_off_id: str) -> None:
        """A debt that was given up is owed again."""
        await self.deliver(self.event(debt_reinstated(account_id, write_off_id), account_id))

    def event(self, body: Message, payer_account_id: str, tenant: str = "") -> Envelope:
        """The next event of the log that a message belongs to."""
        event_type = body.DESCRIPTOR.full_name
        tenant = tenant or self.tenant
        partition = partition_of(tenant, payer_account_id)
        log = (event_type.split(".")[1], partition)
        self._sequences[log] = self._sequences.get(log, 0) + 1
        content = body.SerializeToString(deterministic=True)
        return Envelope(event_type, partition, self._sequences[log], tenant, utc_now(), "", content)

    async def deliver(self, *envelopes: Envelope) -> None:
        """Apply events in one transaction, as the consumer does."""
        handlers: dict[str, EventHandler[Any]] = {
            each.type_name: each
            for each in (
                EventHandler(CallsRated, partial(calls_rated, self.vault)),
                *SETTLEMENTS,
            )
        }

        def work(uow: UnitOfWork) -> None:
            apply_together(handlers, uow, note_applied(uow, envelopes))

        await self.database.write(work)

    async def complete(self) -> None:
        """What the background task does."""
        await complete_sealed_periods(self.database, self.vault)

    async def published(self, kind: type[Message]) -> Sequence[Any]:
        """The events of a kind in the outbox, with where they stand: (body, partition, tenant)."""
        columns = outbox_table.c
        query = (
            select(columns.body, columns.partition, columns.tenant_id)
            .where(columns.event_type == kind.DESCRIPTOR.full_name)
            .order_by(columns.partition, columns.sequence)
        )

        def read(connection: Connection) -> list[Any]:
            return [
                (kind.FromString(row.body), row.partition, row.tenant_id)
                for row in connection.execute(query)
            ]

        return await self.database.read(read)
