"""A small operator in a running suite: one tenant with a deck, a plan, accounts and a switch.

Prices are round, so that a test can say what a bill must be by doing the sum in its head.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from kernel.ids import new_uuid
from tests.support.operator_prices import ROUND_DECK, Deck, publish_deck, publish_plan
from tests.support.suite import Suite, request_id
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.cdr.v1 import source_pb2 as source
from tollbook.invoice.v1 import customer_pb2 as customer
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.payment.v1.payment_pb2 import PAYMENT_METHOD_CASH, Payment
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.type.v1 import call_pb2 as call
from tollbook.type.v1.personal_text_pb2 import PersonalText
from tollbook.type.v1.time_range_pb2 import TimeRange

# The month that the calls are in: long over, so that it can be closed.
MONTH = datetime(2026, 3, 1, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 4, 1, tzinfo=UTC)
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)

CHUNK_BYTES = 256 * 1024


@dataclass
class Operator:
    """One tenant's set-up, by the ids that the tests need."""

    suite: Suite
    tenant_id: str
    currency: str = "EUR"
    monthly_fee: int = 0
    # When prices and taxes come into force, and when the first billing period begins.
    prices_since: datetime = BEFORE
    billed_since: datetime = MONTH
    deck: Deck = ROUND_DECK
    # Further terms of the plan, by the names of PlanRevision.
    terms: Mapping[str, Any] = field(default_factory=dict)
    legal_entity_id: str = field(default_factory=new_uuid)
    plan_id: str = field(default_factory=new_uuid)
    accounts: dict[str, str] = field(default_factory=dict)

    async def set_up(self, account_codes: Sequence[str]) -> None:
        """Create everything that calls need to become an invoice."""
        await self._create_tenant()
        deck_id = await publish_deck(
            self.suite, self.tenant_id, self.currency, self.deck, self.prices_since
        )
        await self._publish_plan(deck_id)
        for code in account_codes:
            await self.create_account(code)
        await self._create_sources()
        await self.known_everywhere()

    async def known_everywhere(self) -> None:
        """Wait until the services that calls pass know the accounts, lines and subscriptions."""
        invoice_events = "tollbook.invoice.v1."
        account, line, subscription = (
            f"{invoice_events}{name}Changed" for name in ("Account", "Line", "Subscription")
        )
        await self.suite.caught_up("cdr", account, line)
        await self.suite.caught_up("rating", account, subscription)
        await self.suite.caught_up("payment", account)

    @property
    def customers(self) -> invoice_grpc.CustomerServiceStub:
        """The stub for customers and accounts."""
        return self.suite.stub(invoice_grpc.CustomerServiceStub, self.tenant_id)

    async def create_account(
        self,
        code: str,
        reseller: str = "",
        plan_id: str = "",
        payment_mode: customer.PaymentMode.ValueType = customer.PAYMENT_MODE_POSTPAID,
    ) -> str:
        """Create a customer with an account in UTC, postpaid by default, a line, a subscription."""
        customer_id, account_id = new_uuid(), new_uuid()
        await self.customers.CreateCustomer(
            invoice.CreateCustomerRequest(
                customer=customer.Customer(
                    customer_id=customer_id,
                    external_id=f"crm-{code}",
                    display_name=PersonalText(text=f"{code} of {self.tenant_id}"),
                    address=PersonalText(text="Main Street 1\nAmsterdam"),
                    country_code="NL",
                ),
                request_id=request_id(),
            )
        )
        await self.customers.CreateAccount(
            invoice.CreateAccountRequest(
                account=customer.Account(
                    account_id=account_id,
                    code=code,
                    customer_id=customer_id,
                    legal_entity_id=self.legal_entity_id,
                    currency_code=self.currency,
                    time_zone="UTC",
                    payment_mode=payment_mode,
                    billing_day=1,
                    start_time=timestamp(self.billed_since),
                    reseller_account_id=self.accounts[reseller] if reseller else "",
                ),
                request_id=request_id(),
            )
        )
        self.accounts[code] = account_id
        await self.add_line(code)
        await self.subscribe(code, plan_id)
        return account_id

    async def add_line(
        self,
        code: str,
        identifier: str = "",
        kind: customer.LineKind.ValueType = customer.LINE_KIND_ACCOUNT_CODE,
    ) -> None:
        """Give an account a line, by its account code unless told otherwise."""
        await self.customers.CreateLine(
            invoice.CreateLineRequest(
                line=customer.Line(
                    line_id=new_uuid(),
                    account_id=self.accounts[code],
                    kind=kind,
                    identifier=identifier or code,
                    validity=TimeRange(start_time=timestamp(self.prices_since)),
                ),
                request_id=request_id(),
            )
        )

    async def subscribe(self, code: str, plan_id: str = "") -> None:
        """Put an account on a plan, the operator's own unless told otherwise."""
        await self.customers.CreateSubscription(
            invoice.CreateSubscriptionRequest(
                subscription=customer.Subscription(
                    subscription_id=new_uuid(),
                    account_id=self.accounts[code],
                    plan_id=plan_id or self.plan_id,
                    validity=TimeRange(start_time=timestamp(self.prices_since)),
                ),
                request_id=request_id(),
            )
        )

    async def create_prepaid_accounts(self, units_by_code: Mapping[str, int]) -> None:
        """Create accounts whose wallets have so many units each, and wait until all know them."""
        for code in units_by_code:
            await self.create_account(code, payment_mode=customer.PAYMENT_MODE_PREPAID)
        await self.known_everywhere()
        for code, units in units_by_code.items():
            if units:
                await self.pay(code, units)

    async def pay(self, code: str, units: int) -> None:
        """Record a payment of whole units."""
        payments = self.suite.stub(payment_grpc.PaymentServiceStub, self.tenant_id)
        await payments.RecordPayment(
            payment.RecordPaymentRequest(
                payment=Payment(
                    account_id=self.accounts[code],
                    method=PAYMENT_METHOD_CASH,
                    amount=Money(currency_code=self.currency, units=units),
                    value_date=Date(year=MONTH.year, month=MONTH.month, day=MONTH.day),
                    evidence="receipt",
                ),
                request_id=request_id(),
            )
        )

    async def import_file(
        self, content: bytes, name: str = "Master.csv", source_code: str = "pbx"
    ) -> cdr.ImportCallFileResponse:
        """Import a file of a source and return its totals."""
        stub = self.suite.stub(cdr_grpc.CallIntakeServiceStub, self.tenant_id)

        async def pieces() -> AsyncIterator[cdr.ImportCallFileRequest]:
            yield cdr.ImportCallFileRequest(source_code=source_code, file_name=name)
            for at in range(0, len(content), CHUNK_BYTES):
                yield cdr.ImportCallFileRequest(content=content[at : at + CHUNK_BYTES])

        last = cdr.ImportCallFileResponse()
        async for last in stub.ImportCallFile(pieces()):  # noqa: B007 the last one has the totals
            pass
        assert last.done
        return last

    async def _create_tenant(self) -> None:
        tenants = self.suite.stub(invoice_grpc.TenantServiceStub)
        await tenants.CreateTenant(
            invoice.CreateTenantRequest(
                tenant=customer.Tenant(tenant_id=self.tenant_id, display_name=self.tenant_id),
                request_id=request_id(),
            )
        )
        entities = self.suite.stub(invoice_grpc.LegalEntityServiceStub, self.tenant_id)
        await entities.CreateLegalEntity(
            invoice.CreateLegalEntityRequest(
                legal_entity=customer.LegalEntity(
                    legal_entity_id=self.legal_entity_id,
                    code="nl",
                    display_name=f"{self.tenant_id} B.V.",
                    address_lines=["Quay 1", "Rotterdam"],
                    country_code="NL",
                    tax_number="NL000000000B01",
                    invoice_prefix="NL",
                ),
                request_id=request_id(),
            )
        )
        await entities.CreateTaxRate(
            invoice.CreateTaxRateRequest(
                tax_rate=customer.TaxRate(
                    tax_rate_id=new_uuid(),
                    country_code="NL",
                    display_name="VAT 21 %",
                    basis_points=2_100,
                    effective_time=timestamp(self.prices_since),
                ),
                request_id=request_id(),
            )
        )

    async def _publish_plan(self, deck_id: str) -> None:
        standard = plan.Plan(
            plan_id=self.plan_id,
            code="standard",
            display_name="Standard",
            currency_code=self.currency,
        )
        terms = plan.PlanRevision(
            effective_time=timestamp(self.prices_since),
            rate_deck_ids=[deck_id],
            duration_rounding=plan.DURATION_ROUNDING_UP,
            price_rounding=plan.PRICE_ROUNDING_HALF_UP,
            price_decimals=6,
            monthly_fee=Money(currency_code=self.currency, units=self.monthly_fee),
            **self.terms,
        )
        await publish_plan(self.suite, self.tenant_id, standard, terms)

    async def _create_sources(self) -> None:
        """Create a PBX that writes files and a platform that sends records over gRPC."""
        await self.create_source("pbx", source.RECORD_FORMAT_ASTERISK_CSV)
        await self.create_source("grpc", source.RECORD_FORMAT_GRPC)

    async def create_source(
        self,
        code: str,
        record_format: source.RecordFormat.ValueType,
        line_rule: source.LineRule.ValueType = source.LINE_RULE_ACCOUNT_CODE,
    ) -> None:
        """Create a source of Dutch records in UTC."""
        sources = self.suite.stub(cdr_grpc.SourceAdminServiceStub, self.tenant_id)
        key_kinds = {
            source.RECORD_FORMAT_ASTERISK_CSV: call.CALL_KEY_KIND_ASTERISK_UNIQUE_ID,
            source.RECORD_FORMAT_FREESWITCH_JSON: call.CALL_KEY_KIND_FREESWITCH_UUID,
            source.RECORD_FORMAT_GRPC: call.CALL_KEY_KIND_SIP_CALL_ID,
        }
        await sources.CreateSource(
            cdr.CreateSourceRequest(
                source=source.Source(
                    code=code,
                    format=record_format,
                    profile=source.SourceProfile(
                        time_zone="UTC",
                        country_code="31",
                        national_prefix="0",
                        international_prefixes=["00"],
                        short_codes=["100"],
                        emergency_numbers=["112"],
                        line_rule=line_rule,
                        call_key_kind=key_kinds[record_format],
                    ),
                ),
                request_id=request_id(),
            )
        )


def timestamp(moment: datetime) -> Timestamp:
    """Return a protobuf time."""
    return Timestamp(seconds=int(moment.timestamp()))
