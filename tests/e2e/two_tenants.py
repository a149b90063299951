"""Two tenants that have the same of everything, and all that each of them is shown."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from kernel.ids import new_uuid
from tests.e2e.own_prices import set_up_own_prices
from tests.support.methods import all_methods, ids_in
from tests.support.operator import MONTH, Operator, timestamp
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.request_examples import EXAMPLES
from tests.support.suite import Suite, fact, request_id
from tollbook.fraud.v1 import fraud_pb2
from tollbook.fraud.v1 import fraud_service_pb2 as fraud
from tollbook.fraud.v1 import fraud_service_pb2_grpc as fraud_grpc
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_pb2
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.payment.v1.adjustment_service_pb2 import GrantPromotionRequest
from tollbook.payment.v1.adjustment_service_pb2_grpc import AdjustmentServiceStub
from tollbook.payment.v1.collection_pb2 import PaymentInstrument
from tollbook.payment.v1.collection_service_pb2 import (
    AttachPaymentInstrumentRequest,
    CollectPaymentRequest,
    GetCollectionRequest,
)
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceStub
from tollbook.payment.v1.ledger_root_service_pb2 import DrawLedgerRootRequest
from tollbook.payment.v1.ledger_root_service_pb2_grpc import LedgerRootServiceStub
from tollbook.rating.v1.charging_admin_service_pb2 import (
    LIMIT_SCOPE_TRUNK,
    CallLimit,
    ChargingPolicy,
    SetCallLimitRequest,
    SetChargingPolicyRequest,
)
from tollbook.rating.v1.charging_admin_service_pb2_grpc import ChargingAdminServiceStub
from tollbook.rating.v1.charging_pb2 import VERDICT_GRANTED
from tollbook.rating.v1.charging_service_pb2 import ChargedCall, OpenSessionRequest
from tollbook.rating.v1.charging_service_pb2_grpc import ChargingServiceStub
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_OTHER, CallKey

AURORA, BOREALIS = "aurora", "borealis"
METHODS = all_methods()
OF_ONE_TENANT = [method for method in METHODS if not method.spans_tenants]
LISTS = [method for method in OF_ONE_TENANT if method.is_list]
WITH_IDS = [method for method in OF_ONE_TENANT if method.ids]

CALLS = [
    PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=1), 61, "call-1"),
    PlacedCall("desk-1", "0081312345678", MONTH + timedelta(hours=2), 60, "no-rate"),
    PlacedCall("desk-9", "31612345678", MONTH + timedelta(hours=3), 60, "no-line"),
]

Ids = dict[str, set[str]]
"""Ids by what they are of."""


@dataclass
class World:
    """A suite with both tenants."""

    suite: Suite
    tenants: dict[str, Operator]
    ids: dict[str, Ids] = field(default_factory=dict)
    """What each tenant's lists show of its own, once it is set up."""

    async def set_up(self) -> None:
        """Give both everything, and note its ids."""
        for operator in self.tenants.values():
            await operator.set_up(["desk-1"])
            await a_month_with_everything(self.suite, operator)
        await self.suite.stub(LedgerRootServiceStub).DrawLedgerRoot(DrawLedgerRootRequest())
        for tenant in self.tenants:
            self.ids[tenant] = ids_of(await self.listed(tenant))

    async def listed(self, tenant: str) -> dict[str, list[Message]]:
        """What every list shows to a tenant, by method; lists about a thing are asked for each."""
        answers: dict[str, list[Message]] = {}
        # Twice, because some need an id that another tells.
        for method in LISTS + LISTS:
            channel = self.suite.channel(method.service, tenant)
            choices = choices_of(method.required_ids, ids_of(answers))
            answers[str(method)] = [
                page
                for chosen in choices
                for page in await method.call(channel, method.request(chosen))
            ]
        return answers


def ids_of(answers: dict[str, list[Message]]) -> Ids:
    """Every id that some answers show."""
    found: Ids = defaultdict(set)
    for kind, value in (
        pair for pages in answers.values() for page in pages for pair in ids_in(page)
    ):
        found[kind].add(value)
    return found


def choices_of(kinds: Sequence[str], ids: Ids) -> list[dict[str, str]]:
    """The ids to ask with: each there is of one kind; of several kinds, one of each."""
    if len(kinds) == 1:
        return [{kinds[0]: value} for value in sorted(ids[kinds[0]])]
    return [{kind: min(ids[kind]) for kind in kinds}]


async def a_month_with_everything(suite: Suite, operator: Operator) -> None:
    """Own prices, calls without a rate and a line too, an invoice and its payment, a block."""
    account_id = operator.accounts["desk-1"]
    await set_up_own_prices(suite, operator)
    await begin_call(suite, operator.tenant_id, account_id)
    watch = suite.stub(fraud_grpc.FraudServiceStub, operator.tenant_id)
    rule = fraud_pb2.FraudRule(
        fraud_rule_id=new_uuid(),
        kind=fraud_pb2.RULE_KIND_SPEND_VELOCITY,
        amount_limit=Money(currency_code="EUR", nanos=10_000_000),
        action=fraud_pb2.RULE_ACTION_ALERT,
        enabled=True,
    )
    rule.window.FromSeconds(3_600)
    await watch.CreateFraudRule(
        fraud.CreateFraudRuleRequest(fraud_rule=rule, request_id=request_id())
    )
    await operator.import_file(asterisk_csv(CALLS))
    await fact(
        "the alert is raised",
        lambda: watch.ListAlerts(fraud.ListAlertsRequest(account_id=account_id)),
        lambda page: bool(page.alerts),
    )
    await watch.BlockAccount(
        fraud.BlockAccountRequest(account_id=account_id, reason="x", request_id=request_id())
    )
    invoices = suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    await invoices.CloseBillingPeriod(
        invoice.CloseBillingPeriodRequest(account_id=account_id, request_id=request_id())
    )
    await fact(
        "the invoice is issued",
        lambda: invoices.ListInvoices(invoice.ListInvoicesRequest()),
        lambda page: bool(page.invoices),
    )
    await pay(suite, operator.tenant_id, account_id)
    await collect(suite, operator.tenant_id, account_id)
    await suite.caught_up("payment", "tollbook.invoice.v1.InvoiceIssued")
    await suite.caught_up("invoice", "tollbook.payment.v1.PaymentSettled")


async def begin_call(suite: Suite, tenant: str, account_id: str) -> None:
    """A policy, a limit and a call of the account that goes on, by the same names in both."""
    admin = suite.stub(ChargingAdminServiceStub, tenant)
    policy = EXAMPLES[ChargingPolicy.DESCRIPTOR.full_name]
    assert isinstance(policy, ChargingPolicy)
    await admin.SetChargingPolicy(
        SetChargingPolicyRequest(account_id=account_id, policy=policy, request_id=request_id())
    )
    limit = CallLimit(scope=LIMIT_SCOPE_TRUNK, concurrent_calls_max=10)
    await admin.SetCallLimit(SetCallLimitRequest(call_limit=limit, request_id=request_id()))
    call = ChargedCall(
        call_key=CallKey(kind=CALL_KEY_KIND_OTHER, value="live"),
        account_id=account_id,
        callee="31612345678",
    )
    opened = await suite.stub(ChargingServiceStub, tenant).OpenSession(
        OpenSessionRequest(session_id="live", call=call, requested_seconds=3_600)
    )
    assert opened.answer.verdict == VERDICT_GRANTED, opened


async def pay(suite: Suite, tenant: str, account_id: str) -> None:
    """Record a payment of one euro, and give another one."""
    expires = timestamp(datetime.now(UTC) + timedelta(days=1))
    await suite.stub(AdjustmentServiceStub, tenant).GrantPromotion(
        GrantPromotionRequest(
            account_id=account_id,
            amount=Money(currency_code="EUR", units=1),
            expire_time=expires,
            note="welcome",
            request_id=request_id(),
        )
    )
    payments = suite.stub(payment_grpc.PaymentServiceStub, tenant)
    await payments.RecordPayment(
        payment.RecordPaymentRequest(
            payment=payment_pb2.Payment(
                account_id=account_id,
                method=payment_pb2.PAYMENT_METHOD_CASH,
                amount=Money(currency_code="EUR", units=1),
                value_date=Date(year=2026, month=4, day=10),
                evidence="receipt 1",
            ),
            request_id=request_id(),
        )
    )


async def collect(suite: Suite, tenant: str, account_id: str) -> None:
    """Take one euro from a card."""
    suite.installation.give_gateway_key(tenant)
    stub = suite.stub(CollectionServiceStub, tenant)
    instrument = EXAMPLES[PaymentInstrument.DESCRIPTOR.full_name]
    assert isinstance(instrument, PaymentInstrument)
    attaching = AttachPaymentInstrumentRequest(instrument=instrument, request_id=request_id())
    attaching.instrument.account_id = account_id
    attached = (await stub.AttachPaymentInstrument(attaching)).instrument
    wanted = CollectPaymentRequest(
        account_id=account_id,
        instrument_id=attached.instrument_id,
        amount=Money(currency_code="EUR", units=1),
        request_id=request_id(),
    )
    begun = (await stub.CollectPayment(wanted)).collection
    looking = GetCollectionRequest(collection_id=begun.collection_id)
    await fact(
        "the money has come",
        lambda: stub.GetCollection(looking),
        lambda answer: answer.collection.HasField("received"),
    )
