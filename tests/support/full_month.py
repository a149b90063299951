"""A month of a small operator with a full tariff: calls, messages, and what became of them.

The switch hands calls over, a message centre charges messages; charges come back explained, and the
month ends with invoices. What each call costs is beside it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money

from chassis import columns
from chassis.grpc.convert import money_from_proto
from kernel.clock import to_micros
from tests.support.full_tariff import FullOperator
from tests.support.operator import MONTH, timestamp
from tests.support.suite import fact, request_id
from tollbook.cdr.v1 import call_pb2
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.invoice.v1 import invoice_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.rating.v1 import charge_pb2
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import supplier_service_pb2 as suppliers
from tollbook.rating.v1 import supplier_service_pb2_grpc as supplier_grpc
from tollbook.rating.v1 import usage_service_pb2 as usage
from tollbook.rating.v1 import usage_service_pb2_grpc as usage_grpc
from tollbook.rating.v1.service_pb2 import SERVICE_DATA, SERVICE_SMS
from tollbook.type.v1 import call_pb2 as type_call
from tollbook.type.v1.time_range_pb2 import TimeRange

DUTCH, MOBILE, BRITISH, JAPANESE = "31201234567", "31612345678", "442071838750", "81312345678"
# 10:00 on a Monday in Amsterdam, in the plan's peak; its end is at 17:00 UTC.
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PEAK_END = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
# Callee, start, seconds; what they cost customer and reseller, whichever is settled first.
CALLS = {
    # At 0.06 a minute: 0.06. Reseller: at 0.03.
    "peak": (DUTCH, MONDAY, 60),
    # 30 s at 0.06 and 30 s at half of it: 0.045
    "crossing": (DUTCH, PEAK_END - timedelta(seconds=30), 60),
    # A minute is 0.12, and 120 s of 180 are in the bundle: 0.12. Reseller: at 0.06.
    "mobile-1": (MOBILE, MONDAY, 120),
    "mobile-2": (MOBILE, MONDAY + timedelta(minutes=5), 60),
    # Of 120 s the first 60 at 0.03, the others at half of it: 0.045. Reseller: at 0.02.
    "britain-1": (BRITISH, MONDAY, 30),
    "britain-2": (BRITISH, MONDAY + timedelta(minutes=6), 90),
    # Twice 0.30 dollars, which are 0.24 euros: 0.48. Reseller: at 0.15.
    "japan-1": (JAPANESE, MONDAY, 60),
    "japan-2": (JAPANESE, MONDAY + timedelta(minutes=7), 60),
}
MESSAGE_KEYS = ("text-1", "text-2", "text-3")
CUSTOMER_MICROS = {DUTCH: 105_000, MOBILE: 120_000, BRITISH: 45_000, JAPANESE: 480_000}


async def ingest(operator: FullOperator) -> None:
    """Hand the calls over as a switch does."""
    records = [
        record(key, callee, start, seconds) for key, (callee, start, seconds) in CALLS.items()
    ]
    chunk = cdr.IngestCallRecordsRequest(
        source_code="grpc", request_id=request_id(), records=records
    )
    stub = operator.suite.stub(cdr_grpc.CallIntakeServiceStub, operator.tenant_id)
    async for answer in stub.IngestCallRecords(iter([chunk])):
        assert {result.outcome for result in answer.results} == {cdr.RECORD_OUTCOME_ACCEPTED}


def record(key: str, callee: str, start: datetime, seconds: int) -> call_pb2.CallRecord:
    """A call of the customer that went out to the first supplier."""
    return call_pb2.CallRecord(
        call_key=type_call.CallKey(kind=type_call.CALL_KEY_KIND_SIP_CALL_ID, value=key),
        caller="31207654321",
        callee=f"00{callee}",
        account_code="desk-1",
        start_time=timestamp(start),
        answer_time=timestamp(start),
        billable_duration=Duration(seconds=seconds),
        release_cause=16,
        egress_trunk="carrier-trunk",
    )


def price_request(operator: FullOperator, key: str) -> rating.PriceCallRequest:
    """The question what one of the calls would cost."""
    callee, start, seconds = CALLS[key]
    return rating.PriceCallRequest(
        account_id=operator.accounts["desk-1"],
        callee=callee,
        start_time=timestamp(start),
        duration=Duration(seconds=seconds),
    )


async def explained(
    operator: FullOperator, account: str
) -> dict[str, rating.ExplainChargeResponse]:
    """The charges of an account with their explanation, by the key of the call."""
    stub = operator.suite.stub(rating_grpc.ChargeQueryServiceStub, operator.tenant_id)
    listed = await stub.ListCharges(
        rating.ListChargesRequest(account_id=operator.accounts[account], page_size=100)
    )
    return {
        charge.call_key.value: await stub.ExplainCharge(
            rating.ExplainChargeRequest(charge_id=charge.charge_id)
        )
        for charge in listed.charges
    }


def micros(money: Money) -> int:
    """An amount in micros."""
    return money_from_proto(money).micros


def words_of(charge: charge_pb2.Charge) -> str:
    """An explanation as one text."""
    return "\n".join(charge.receipt.explanation)


async def charge_messages(
    operator: FullOperator,
) -> tuple[list[charge_pb2.Charge], charge_pb2.Charge]:
    """Charge the customer's messages, and give the last one back; once, however often."""
    stub = operator.suite.stub(usage_grpc.UsageServiceStub, operator.tenant_id)
    sent = [await send_message(stub, operator, key) for key in MESSAGE_KEYS]
    refunded = await stub.RefundCharge(
        usage.RefundChargeRequest(charge_id=sent[-1].charge_id, request_id=request_id())
    )
    return sent, refunded.charge


async def send_message(
    stub: usage_grpc.UsageServiceStub, operator: FullOperator, key: str
) -> charge_pb2.Charge:
    """Charge one message of the customer."""
    return await _charge_usage(stub, operator, key, service=SERVICE_SMS, quantity=1, callee=MOBILE)


async def _charge_usage(
    stub: usage_grpc.UsageServiceStub, operator: FullOperator, key: str, **fields: Any
) -> charge_pb2.Charge:
    record = usage.UsageRecord(
        usage_key=type_call.CallKey(kind=type_call.CALL_KEY_KIND_OTHER, value=key),
        account_id=operator.accounts["desk-1"],
        start_time=timestamp(MONDAY),
        **fields,
    )
    request = usage.ChargeUsageRequest(usage=record, request_id=request_id())
    return (await stub.ChargeUsage(request)).charge


async def charge_data_and_fees(operator: FullOperator) -> dict[str, charge_pb2.Charge]:
    """Charge two megabytes, a set-up and a number for the first ten days of March; once."""
    stub = operator.suite.stub(usage_grpc.UsageServiceStub, operator.tenant_id)
    ten_days = TimeRange(
        start_time=timestamp(MONTH), end_time=timestamp(MONTH + timedelta(days=10))
    )
    setup = usage.ChargeFeeRequest(fee_code="setup", due_time=timestamp(MONDAY), fee_id="setup")
    rent = usage.ChargeFeeRequest(did=DUTCH, covered_period=ten_days, fee_id="rent")
    charged = {
        "data": await _charge_usage(
            stub, operator, "session", service=SERVICE_DATA, quantity=2_000_000, callee="204"
        )
    }
    for fee in (setup, rent):
        fee.account_id = operator.accounts["desk-1"]
        fee.request_id = request_id()
        charged[fee.fee_id] = (await stub.ChargeFee(fee)).charge
    return charged


def lines_of(issued_invoice: invoice_pb2.Invoice) -> dict[str, int]:
    """The lines of an invoice, in micros."""
    return {line.usage_line: micros(line.amount) for line in issued_invoice.lines}


async def issued(operator: FullOperator, account: str) -> invoice_pb2.Invoice:
    """The invoice of March of an account."""
    stub = operator.suite.stub(invoice_grpc.InvoiceServiceStub, operator.tenant_id)
    account_id = operator.accounts[account]
    closed = await stub.CloseBillingPeriod(
        invoice.CloseBillingPeriodRequest(account_id=account_id, request_id=request_id())
    )
    assert closed.billing_period.span.start_time == timestamp(MONTH)

    async def period() -> invoice_pb2.BillingPeriod:
        listed = await stub.ListBillingPeriods(
            invoice.ListBillingPeriodsRequest(account_id=account_id)
        )
        return next(p for p in listed.billing_periods if p.span.start_time == timestamp(MONTH))

    done = await fact("the invoice is issued", period, lambda each: bool(each.invoice_id))
    answer = await stub.GetInvoice(invoice.GetInvoiceRequest(invoice_id=done.invoice_id))
    return answer.invoice


def quotes(operator: FullOperator) -> rating_grpc.RatingServiceStub:
    """The door of prices."""
    return operator.suite.stub(rating_grpc.RatingServiceStub, operator.tenant_id)


async def routed(operator: FullOperator, callee: str) -> suppliers.RouteCallResponse:
    """The suppliers of a peak call of the customer."""
    stub = operator.suite.stub(supplier_grpc.RoutingServiceStub, operator.tenant_id)
    return await stub.RouteCall(
        suppliers.RouteCallRequest(
            callee=callee,
            account_id=operator.accounts["desk-1"],
            start_time=timestamp(MONDAY),
        )
    )


async def priced_columns(
    stub: rating_grpc.RatingServiceStub, calls: list[rating.PriceCallRequest]
) -> columns.Columns:
    """The prices of calls as columns."""
    batch = columns.encode(
        {
            "account_id": columns.dictionary([each.account_id for each in calls]),
            "callee": columns.text([each.callee for each in calls]),
            "start_time": columns.int64(
                [to_micros(each.start_time.ToDatetime(UTC)) for each in calls]
            ),
            "duration": columns.int64([each.duration.seconds * 1_000 for each in calls]),
        },
        len(calls),
    )
    request = rating.PriceCallColumnsRequest(calls=batch, include_receipts=True)
    return columns.decode((await stub.PriceCallColumns(request)).prices)
