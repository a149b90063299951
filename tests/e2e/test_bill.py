"""One real bill from end to end, through the processes of `make run`, on both databases."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from kernel.errors import DomainError
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite, fact, request_id, running_suite
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.invoice.v1 import invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import adjustment_service_pb2 as adjustment
from tollbook.payment.v1 import payment_pb2
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.payment.v1.adjustment_service_pb2_grpc import AdjustmentServiceStub
from tollbook.type.v1 import call_pb2

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgresql_suite() -> AsyncIterator[Suite]:
    """The suite on PostgreSQL, which only these tests need."""
    async with running_suite("postgresql", in_memory=True) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def suite(request: pytest.FixtureRequest) -> Suite:
    """The running suite, on either database."""
    running: Suite = request.getfixturevalue(f"{request.param}_suite")
    return running


CALLS_A_PART = 100
CALLS = [
    # 61 s to a mobile, by the minute: 2 minutes at 0.12 = 0.24
    PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=1), 61, "call-1"),
    # 100 s to a fixed line, by the second: 100/60 × 0.06 = 0.10
    PlacedCall("desk-1", "0201234567", MONTH + timedelta(hours=2), 100, "call-2"),
    # 31 s to the UK, 30/6: 36 s at 0.03 = 0.018
    PlacedCall("desk-1", "00442071234567", MONTH + timedelta(hours=3), 31, "call-3"),
    # Not answered: nothing.
    PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=4), 0, "call-4"),
    # An account of nobody.
    PlacedCall("desk-9", "31612345678", MONTH + timedelta(hours=5), 60, "call-5"),
    # No rate for it.
    PlacedCall("desk-1", "0081312345678", MONTH + timedelta(hours=6), 60, "call-6"),
]


async def test_call_records_become_a_priced_posted_invoiced_and_paid_bill(suite: Suite) -> None:
    """Six records: three priced, one free, one without a line, one without a rate; 0.358 in all.

    The invoice shows 0.36 net, 0.08 tax (21 %), 0.44 total; the rounding difference is 0.002.
    """
    operator = Operator(suite, "bill")
    await operator.set_up(["desk-1"])
    totals = await operator.import_file(asterisk_csv(CALLS))
    assert (totals.received_count, totals.accepted_count, totals.suspended_count) == (6, 5, 1)
    again = await operator.import_file(asterisk_csv(CALLS))
    assert (again.accepted_count, again.duplicate_count, again.suspended_count) == (0, 6, 0)

    await unrated_is_shown(suite, operator)
    issued = await invoice_of(suite, operator, "desk-1")
    assert MessageToDict(issued.net_amount) == {"currencyCode": "EUR", "nanos": 360_000_000}
    assert issued.tax_amount.nanos == 80_000_000
    assert issued.total_amount.nanos == 440_000_000
    assert issued.rounding_difference.nanos == 2_000_000
    assert [(line.usage_line, line.amount.nanos) for line in issued.lines] == [
        ("Netherlands", 100_000_000),
        ("Netherlands Mobile", 240_000_000),
        ("United Kingdom", 18_000_000),
    ]
    await documents_tell_the_same(suite, operator, issued)
    await pay(suite, operator, issued)
    assert suite.differences() == ""


async def test_a_bill_that_is_given_up_asks_for_nothing_until_it_is_owed_again(
    suite: Suite,
) -> None:
    """The ledger writes it off, the invoice shows it; a correction opens both again."""
    operator = Operator(suite, "lost")
    await operator.set_up(["desk-1"])
    await operator.import_file(asterisk_csv(CALLS[:3]))
    await everything_priced(suite)
    issued = await invoice_of(suite, operator, "desk-1")
    await suite.caught_up("payment", "tollbook.invoice.v1.InvoiceIssued")
    adjustments = suite.stub(AdjustmentServiceStub, operator.tenant_id)
    request = adjustment.WriteOffDebtRequest(
        account_id=issued.account_id,
        amount=issued.total_amount,
        note="insolvent",
        invoice_id=issued.invoice_id,
        request_id=request_id(),
    )
    done = (await adjustments.WriteOffDebt(request)).adjustment
    given_up = await _after(suite, operator, issued, "DebtWrittenOff")
    assert given_up.state == invoice_pb2.Invoice.STATE_WRITTEN_OFF
    assert given_up.written_off_amount == issued.total_amount
    (entry_id,) = done.journal_entry_ids
    await adjustments.CorrectEntry(
        adjustment.CorrectEntryRequest(
            journal_entry_id=entry_id, note="solvent again", request_id=request_id()
        )
    )
    owed = await _after(suite, operator, issued, "DebtReinstated")
    assert owed.state == invoice_pb2.Invoice.STATE_ISSUED
    assert owed.open_amount == issued.total_amount
    assert suite.differences() == ""


async def _after(
    suite: Suite, operator: Operator, issued: invoice_pb2.Invoice, event: str
) -> invoice_pb2.Invoice:
    """The invoice when it has heard of an event of payment."""
    await suite.caught_up("invoice", f"tollbook.payment.v1.{event}")
    invoices = suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    request = invoice.GetInvoiceRequest(invoice_id=issued.invoice_id)
    return (await invoices.GetInvoice(request)).invoice


async def test_two_tenants_with_the_same_codes_and_call_keys_never_meet(suite: Suite) -> None:
    """The same file of two tenants gives each its own calls, bill and number; nothing crosses."""
    tenants = [Operator(suite, "north"), Operator(suite, "south")]
    for operator in tenants:
        await operator.set_up(["desk-1"])
        totals = await operator.import_file(asterisk_csv(CALLS[:3]))
        assert totals.accepted_count == 3
    await everything_priced(suite)
    invoices = [await invoice_of(suite, operator, "desk-1") for operator in tenants]
    assert {i.number for i in invoices} == {invoices[0].number}
    assert len({i.invoice_id for i in invoices}) == 2
    stranger = suite.stub(invoice_grpc.InvoiceServiceStub, "south")
    with pytest.raises(DomainError, match="INVOICE_NOT_FOUND"):
        await stranger.GetInvoice(invoice.GetInvoiceRequest(invoice_id=invoices[0].invoice_id))
    calls = suite.stub(cdr_grpc.CallQueryServiceStub, "south")
    listed = await calls.ListCalls(cdr.ListCallsRequest())
    assert {c.account_id for c in listed.calls} == {tenants[1].accounts["desk-1"]}
    assert suite.differences() == ""


async def test_a_late_record_lands_in_the_open_period_as_a_correction(suite: Suite) -> None:
    """A call of a closed month is charged once, on the next invoice, marked as a correction."""
    operator = Operator(suite, "late")
    await operator.set_up(["desk-1"])
    await operator.import_file(asterisk_csv(CALLS[:1]))
    await everything_priced(suite)
    first = await invoice_of(suite, operator, "desk-1")
    await operator.import_file(asterisk_csv(CALLS[1:2]), "late.csv")
    await everything_priced(suite)
    second = await invoice_of(suite, operator, "desk-1")
    assert [(line.usage_line, line.correction) for line in first.lines] == [
        ("Netherlands Mobile", False)
    ]
    assert [(line.usage_line, line.correction) for line in second.lines] == [("Netherlands", True)]
    assert suite.differences() == ""


async def test_an_import_racing_the_close_of_a_period_loses_and_doubles_nothing(
    suite: Suite,
) -> None:
    """Calls of March pour in before, while and after March is closed.

    Each is on the March invoice or a correction on the next one, never both, never neither.
    """
    operator = Operator(suite, "race")
    await operator.set_up(["desk-1"])
    placed = 0

    async def import_part() -> None:
        nonlocal placed
        start = MONTH + timedelta(minutes=placed)
        part = [
            PlacedCall("desk-1", "31612345678", start + timedelta(minutes=n), 60, f"{placed}-{n}")
            for n in range(CALLS_A_PART)
        ]
        placed += len(part)
        await operator.import_file(asterisk_csv(part), f"part-{placed}.csv")

    await import_part()
    await everything_priced(suite)
    closing = asyncio.create_task(invoice_of(suite, operator, "desk-1"))
    while not closing.done():
        await import_part()
    first = await closing
    await import_part()
    await everything_priced(suite)
    second = await invoice_of(suite, operator, "desk-1")
    assert all(line.correction for line in second.lines)
    assert not any(line.correction for line in first.lines)
    assert sum(line.charge_count for i in (first, second) for line in i.lines) == placed
    assert suite.differences() == ""


async def everything_priced(suite: Suite) -> None:
    """Wait until rating has seen every call: a call that is not priced is in no period yet."""
    await suite.caught_up("rating", "tollbook.cdr.v1.CallsCollected")


async def unrated_is_shown(suite: Suite, operator: Operator) -> None:
    """Wait until the call to Japan shows why it has no price."""
    calls = suite.stub(cdr_grpc.CallQueryServiceStub, operator.tenant_id)
    unrated = cdr.ListCallsRequest(rating_outcome=call_pb2.RATING_OUTCOME_UNRATED)
    found = await fact(
        "the unrated call", lambda: calls.ListCalls(unrated), lambda answer: bool(answer.calls)
    )
    assert [c.unrated_reason for c in found.calls] == ["NO_RATE"]


async def invoice_of(suite: Suite, operator: Operator, code: str) -> invoice_pb2.Invoice:
    """Wait until everything is folded in, close the oldest open period, return its invoice."""
    stub = suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    account_id = operator.accounts[code]
    closed = await stub.CloseBillingPeriod(
        invoice.CloseBillingPeriodRequest(account_id=account_id, request_id=request_id())
    )
    start = closed.billing_period.span.start_time

    async def period() -> invoice_pb2.BillingPeriod:
        listed = await stub.ListBillingPeriods(
            invoice.ListBillingPeriodsRequest(account_id=account_id)
        )
        return next(p for p in listed.billing_periods if p.span.start_time == start)

    done = await fact("the invoice is issued", period, lambda p: bool(p.invoice_id))
    answer = await stub.GetInvoice(invoice.GetInvoiceRequest(invoice_id=done.invoice_id))
    return answer.invoice


async def documents_tell_the_same(
    suite: Suite, operator: Operator, issued: invoice_pb2.Invoice
) -> None:
    """The PDF is one, and the CSV has a row for each charged call, of the same amounts."""
    pdf = await document(suite, operator, issued, invoice_pb2.DOCUMENT_KIND_PDF)
    assert pdf.startswith(b"%PDF")
    content = (
        await document(suite, operator, issued, invoice_pb2.DOCUMENT_KIND_CALLS_CSV)
    ).decode()
    amounts = [Decimal(row["amount"]) for row in csv.DictReader(io.StringIO(content))]
    charged = [amount for amount in amounts if amount]
    assert len(charged) == sum(line.charge_count for line in issued.lines)
    assert sum(charged) * 10**9 == sum(line.amount.nanos for line in issued.lines)


async def document(
    suite: Suite, operator: Operator, issued: invoice_pb2.Invoice, kind: int
) -> bytes:
    """Download a document."""
    stub = suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    request = invoice.DownloadInvoiceDocumentRequest(
        invoice_id=issued.invoice_id,
        kind=kind,  # type: ignore[arg-type]
    )
    return b"".join([piece.content async for piece in stub.DownloadInvoiceDocument(request)])


async def pay(suite: Suite, operator: Operator, issued: invoice_pb2.Invoice) -> None:
    """Pay an invoice by bank transfer; it ends as paid and the receivable is gone."""
    payments = suite.stub(payment_grpc.PaymentServiceStub, operator.tenant_id)
    await payments.RecordPayment(
        payment.RecordPaymentRequest(
            payment=payment_pb2.Payment(
                account_id=issued.account_id,
                method=payment_pb2.PAYMENT_METHOD_BANK_TRANSFER,
                amount=Money(currency_code="EUR", nanos=440_000_000),
                value_date=Date(year=2026, month=4, day=10),
                evidence="statement 12, line 3",
                invoice_id=issued.invoice_id,
            ),
            request_id=request_id(),
        )
    )
    invoices = suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    await fact(
        "the invoice is paid",
        lambda: invoices.GetInvoice(invoice.GetInvoiceRequest(invoice_id=issued.invoice_id)),
        lambda answer: answer.invoice.state == invoice_pb2.Invoice.STATE_PAID,
    )
    ledger = suite.stub(payment_grpc.LedgerServiceStub, operator.tenant_id)
    answer = await ledger.GetBalance(payment.GetBalanceRequest(account_id=issued.account_id))
    assert (answer.balance.receivable.units, answer.balance.receivable.nanos) == (0, 0)
