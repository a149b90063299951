"""Two tenants with the same codes and call keys: by no method does one meet the other."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from chassis.grpc.client import acting_for
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from tests.e2e.methods import Method, all_methods, ids_in
from tests.support.operator import BEFORE, MONTH, Operator, PlacedCall, asterisk_csv, timestamp
from tests.support.suite import Suite, fact, request_id, running_suite
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.fraud.v1 import fraud_pb2
from tollbook.fraud.v1 import fraud_service_pb2 as fraud
from tollbook.fraud.v1 import fraud_service_pb2_grpc as fraud_grpc
from tollbook.invoice.v1 import customer_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_pb2
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.rating.v1 import plan_pb2
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.type.v1.time_range_pb2 import TimeRange

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

AURORA, BOREALIS = "aurora", "borealis"
METHODS = all_methods()
OF_ONE_TENANT = [method for method in METHODS if not method.spans_tenants]
LISTS = [method for method in OF_ONE_TENANT if method.is_list]
WITH_IDS = [method for method in OF_ONE_TENANT if method.id_fields]
# A list, a retry of what there is: nothing is a good answer. A block may come before its account.
MAY_ANSWER = {method.descriptor.name for method in OF_ONE_TENANT if method.is_list} | {
    "RetryUnratedCalls",
    "RetrySuspendedRecords",
    "BlockAccount",
    "UnblockAccount",
}
PAGE_SIZE = 500

CALLS = [
    PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=1), 61, "call-1"),
    PlacedCall("desk-1", "0081312345678", MONTH + timedelta(hours=2), 60, "no-rate"),
    PlacedCall("desk-9", "31612345678", MONTH + timedelta(hours=3), 60, "no-line"),
]

Ids = dict[str, set[str]]


@dataclass
class World:
    """A suite with two tenants that have the same of everything."""

    suite: Suite
    tenants: dict[str, Operator]

    async def listed(self, tenant: str) -> dict[str, list[Message]]:
        """What every list shows to a tenant, by method; lists about a thing are asked for each."""
        answers: dict[str, list[Message]] = {}
        ids: Ids = defaultdict(set)
        # Twice, because some need an id that another tells.
        for method in LISTS + LISTS:
            channel = self.suite.channel(method.service, tenant)
            requests = [method.request(chosen) for chosen in _choices(method, ids)]
            pages = [page for each in requests for page in await method.call(channel, each)]
            answers[str(method)] = pages
            for name, value in (pair for page in pages for pair in ids_in(page)):
                ids[name].add(value)
        return answers

    async def ids_of(self, tenant: str) -> Ids:
        """Every id that a tenant's lists show, by the names of their fields."""
        found: Ids = defaultdict(set)
        for pages in (await self.listed(tenant)).values():
            for name, value in (pair for page in pages for pair in ids_in(page)):
                found[name].add(value)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """Both tenants, each with the same file of calls, an invoice, a payment, an alert, a block."""
    async with running_suite("sqlite") as suite:
        tenants = {name: Operator(suite, name) for name in (AURORA, BOREALIS)}
        for operator in tenants.values():
            await operator.set_up(["desk-1"])
            await a_month_with_everything(suite, operator)
        yield World(suite, tenants)
        done = suite.tollbook("reconcile", "--complete")
        assert done.returncode == 0, done.stdout + done.stderr


async def test_no_list_shows_anything_of_another_tenant(world: World) -> None:
    """Each list shows its own tenant something, and nothing that is in the other's lists."""
    auroras, borealis = await world.listed(AURORA), await world.listed(BOREALIS)
    strangers = {value for pages in auroras.values() for page in pages for _, value in ids_in(page)}
    for method in LISTS:
        shown = borealis[str(method)]
        assert any(page.ListFields() for page in shown), f"{method} shows nothing: nothing proven"
        assert not {value for page in shown for _, value in ids_in(page)} & strangers, method


@pytest.mark.parametrize("method", WITH_IDS, ids=str)
async def test_an_id_of_another_tenant_opens_nothing(world: World, method: Method) -> None:
    """Who names it is refused, or told nothing that was not in the question."""
    ids = await world.ids_of(AURORA)
    strangers = {value for values in ids.values() for value in values}
    channel = world.suite.channel(method.service, BOREALIS)
    refusals: list[ErrorKind] = []
    for chosen in _choices(method, ids, also_optional=True):
        try:
            answers = await method.call(channel, method.request(chosen))
        except DomainError as error:
            refusals.append(error.kind)
            continue
        assert method.descriptor.name in MAY_ANSWER
        told = {value for answer in answers for _, value in ids_in(answer)}
        assert not (told - set(chosen.values())) & strangers
    assert set(refusals) <= {ErrorKind.NOT_FOUND}


async def test_what_others_tried_has_changed_nothing(world: World) -> None:
    """Every method that takes an id is tried with the other tenant's; its lists stay the same."""
    before = await world.listed(AURORA)
    ids = await world.ids_of(AURORA)
    for method in WITH_IDS:
        channel = world.suite.channel(method.service, BOREALIS)
        for chosen in _choices(method, ids, also_optional=True):
            await asyncio.gather(
                method.call(channel, method.request(chosen)), return_exceptions=True
            )
    await world.tenants[BOREALIS].known_everywhere()
    assert await world.listed(AURORA) == before


async def test_nothing_is_hung_on_what_belongs_to_another_tenant(world: World) -> None:
    """A line, a subscription, a payment, a plan with a deck of another tenant are refused."""
    suite, own, other = world.suite, world.tenants[BOREALIS], world.tenants[AURORA]
    ids = await world.ids_of(AURORA)
    stranger = other.accounts["desk-1"]
    customers = suite.stub(invoice_grpc.CustomerServiceStub, BOREALIS)
    line = customer_pb2.Line(
        line_id=new_uuid(),
        account_id=stranger,
        kind=customer_pb2.LINE_KIND_ACCOUNT_CODE,
        identifier="desk-7",
        validity=TimeRange(start_time=timestamp(BEFORE)),
    )
    with pytest.raises(DomainError, match="ACCOUNT_NOT_FOUND"):
        await customers.CreateLine(invoice.CreateLineRequest(line=line, request_id=request_id()))
    subscription = customer_pb2.Subscription(
        subscription_id=new_uuid(),
        account_id=own.accounts["desk-1"],
        plan_id=other.plan_id,
        validity=TimeRange(start_time=timestamp(BEFORE)),
    )
    with pytest.raises(DomainError, match="PLAN_NOT_FOUND"):
        await customers.CreateSubscription(
            invoice.CreateSubscriptionRequest(subscription=subscription, request_id=request_id())
        )
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        await pay(suite, BOREALIS, stranger)
    revision = plan_pb2.PlanRevision(
        effective_time=timestamp(MONTH),
        rate_deck_ids=ids["rate_deck_id"],
        duration_rounding=plan_pb2.DURATION_ROUNDING_UP,
        price_rounding=plan_pb2.PRICE_ROUNDING_HALF_UP,
        price_decimals=6,
    )
    plans = suite.stub(rating_grpc.PlanServiceStub, BOREALIS)
    with pytest.raises(DomainError, match="RATE_DECK_NOT_FOUND"):
        await plans.PublishPlanRevision(
            rating.PublishPlanRevisionRequest(
                plan_id=own.plan_id, revision=revision, request_id=request_id()
            )
        )


@pytest.mark.parametrize("method", OF_ONE_TENANT, ids=str)
async def test_a_method_about_one_tenant_asks_which(world: World, method: Method) -> None:
    """The operator of all tenants has to say whom it acts for, and one tenant is no other.

    What only services may do, the operator may not do at all.
    """
    request = method.empty_request()
    with pytest.raises(DomainError, match=r"TENANT_REQUIRED|SCOPE_MISSING"):
        await method.call(world.suite.channel(method.service, "*"), request)
    with acting_for(AURORA), pytest.raises(DomainError, match="TENANT_MISMATCH"):
        await method.call(world.suite.channel(method.service, BOREALIS), request)


@pytest.mark.parametrize("method", [m for m in METHODS if m.spans_tenants], ids=str)
async def test_a_method_about_all_tenants_is_closed_to_each(world: World, method: Method) -> None:
    """A tenant's credential never sees figures of all."""
    channel = world.suite.channel(method.service, BOREALIS)
    with pytest.raises(DomainError) as refused:
        await method.call(channel, method.empty_request())
    assert refused.value.kind is ErrorKind.PERMISSION_DENIED


async def test_a_file_is_of_the_tenant_in_whose_folder_it_lies(world: World) -> None:
    """The same source code, the same record; only the folder tells whose call it is."""
    content = asterisk_csv(
        [PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=9), 60, "watched")]
    )
    folder = world.suite.installation.watch_folder / BOREALIS / "pbx"
    folder.mkdir(parents=True)
    (folder / "Master.csv").write_bytes(content)
    request = cdr.ListCallsRequest(page_size=PAGE_SIZE)
    calls = world.suite.stub(cdr_grpc.CallQueryServiceStub, BOREALIS)
    found = await fact(
        "the watched file is read",
        lambda: calls.ListCalls(request),
        lambda page: any(call.call_key.value == "watched" for call in page.calls),
    )
    account = world.tenants[BOREALIS].accounts["desk-1"]
    assert {call.account_id for call in found.calls} == {account}
    others = await world.suite.stub(cdr_grpc.CallQueryServiceStub, AURORA).ListCalls(request)
    assert not any(call.call_key.value == "watched" for call in others.calls)


async def test_invoice_numbers_and_chains_are_each_tenants_own(world: World) -> None:
    """Both count their invoices from one, and each chain of entries from one without a gap."""
    numbers = {}
    for tenant in (AURORA, BOREALIS):
        invoices = world.suite.stub(invoice_grpc.InvoiceServiceStub, tenant)
        page = await invoices.ListInvoices(invoice.ListInvoicesRequest())
        numbers[tenant] = [each.number for each in page.invoices]
        ledger = world.suite.stub(payment_grpc.LedgerServiceStub, tenant)
        entries = (
            await ledger.ListJournalEntries(payment.ListJournalEntriesRequest(page_size=PAGE_SIZE))
        ).journal_entries
        # One account, so one partition and one chain.
        places = sorted(entry.chain_sequence for entry in entries)
        assert places[0] == 1
        assert all(following - place == 1 for place, following in pairwise(places))
        assert {e.legal_entity_id for e in entries} == {world.tenants[tenant].legal_entity_id}
    assert numbers[AURORA] == numbers[BOREALIS] != []


def _choices(method: Method, ids: Ids, also_optional: bool = False) -> list[dict[str, str]]:
    """The ids to ask with: of a request with several, one of each; of others, each there is."""
    fields = method.id_fields if also_optional else method.required_id_fields
    names = [field.name for field in fields]
    if len(names) == 1:
        return [{names[0]: value} for value in sorted(ids[names[0]])]
    return [{name: min(ids[name]) for name in names}]


async def a_month_with_everything(suite: Suite, operator: Operator) -> None:
    """Calls, one without a rate and one without a line, an invoice and its payment, a block."""
    account_id = operator.accounts["desk-1"]
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
    await suite.caught_up("payment", "tollbook.invoice.v1.InvoiceIssued")
    await suite.caught_up("invoice", "tollbook.payment.v1.PaymentSettled")


async def pay(suite: Suite, tenant: str, account_id: str) -> None:
    """Record a payment of one euro."""
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
