"""Waits until the month is priced and posted, closes it, takes payments, meets late calls."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.client import acting_for
from chassis.grpc.convert import date_to_proto, money_from_proto, money_to_proto, time_to_proto
from deploy.local.sample.calls import LATE_ACCOUNT
from deploy.local.sample.directory import account_id, account_id_of
from deploy.local.sample.operator import AURORA, SAMPLE_MONTH, TENANTS, Account
from deploy.local.sample.session import REQUESTS_AT_ONCE_MAX, Session, fixed_id, until
from deploy.local.sample.switches import hand_over_late_records
from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals
from tollbook.cdr.v1 import cdr_service_pb2
from tollbook.invoice.v1 import invoice_pb2, invoice_service_pb2
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_pb2, payment_service_pb2
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.rating.v1 import rating_service_pb2
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

TOP_UP_UNITS = 250
# Of every three invoices one is paid, one by half, one not yet.
PAYMENT_HABITS = 3
PAID_PARTS = (1, 2)
VALUE_DATE = date(2026, 4, 7)

CLOSED_STATES = (
    invoice_pb2.BillingPeriod.STATE_INVOICED,
    invoice_pb2.BillingPeriod.STATE_CLOSED_EMPTY,
)


@dataclass(frozen=True, slots=True)
class SavedInvoice:
    """An issued invoice whose PDF lies in the invoice folder."""

    tenant_id: str
    number: str
    account_code: str
    total: Money
    file: Path


async def top_up_wallets(session: Session) -> None:
    """Put money on the prepaid accounts before they call."""
    payments = payment_grpc.PaymentServiceStub(session.channels["payment"])
    for tenant in TENANTS:
        for account in tenant.accounts:
            if account.prepaid:
                amount = Money(account.currency, TOP_UP_UNITS * MICROS_PER_UNIT)
                await _record(payments, account, amount, payment_pb2.PAYMENT_METHOD_CASH, "")


async def wait_until_posted(session: Session, counts: dict[str, cdr_service_pb2.CdrDigest]) -> None:
    """Wait until all accepted calls are priced, posted and folded into their periods."""
    await _priced(session, sum(each.accepted_count for each in counts.values()))
    entries = await _posted(session)
    session.report("Ledger", f"{entries:,} entries, every one sums to zero")


async def close_month(session: Session) -> list[SavedInvoice]:
    """Close the month of every payer; save each invoice as a PDF. A wallet pays without one."""
    payers = [account for tenant in TENANTS for account in tenant.accounts if account.is_payer]
    gate = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)

    async def close(account: Account) -> SavedInvoice | None:
        async with gate:
            with acting_for(account.tenant):
                return await _close(session, account)

    # Each in a task of its own, so that each acts for its own tenant.
    closed = await asyncio.gather(*(close(account) for account in payers))
    saved = [invoice for invoice in closed if invoice is not None]
    session.report(
        "Invoices",
        f"{len(saved)} issued for {SAMPLE_MONTH:%B %Y}, in {session.installation.invoice_folder}",
    )
    return saved


async def record_payments(session: Session, saved: list[SavedInvoice]) -> None:
    """Record what customers have paid by now: some all of it, some a part, some nothing."""
    payments = payment_grpc.PaymentServiceStub(session.channels["payment"])
    accounts = {(a.tenant, a.code): a for tenant in TENANTS for a in tenant.accounts}
    count = 0
    for place, invoice in enumerate(saved):
        habit = place % PAYMENT_HABITS
        if habit < len(PAID_PARTS):
            amount = _part(invoice.total, PAID_PARTS[habit])
            account = accounts[invoice.tenant_id, invoice.account_code]
            method = payment_pb2.PAYMENT_METHOD_BANK_TRANSFER
            await _record(payments, account, amount, method, invoice.number)
            count += 1
    session.report("Payments", f"{count} bank transfers recorded")


async def bill_late_calls(session: Session) -> None:
    """Let calls of the closed month arrive and see them in the open one, as corrections."""
    count = await hand_over_late_records(session, AURORA)
    charges = rating_grpc.ChargeQueryServiceStub(session.channels["rating"])
    request = rating_service_pb2.ListChargesRequest(
        account_id=account_id_of(AURORA, LATE_ACCOUNT), page_size=500
    )

    async def look() -> int | None:
        page = await charges.ListCharges(request)
        corrections = sum(charge.correction for charge in page.charges)
        return corrections if corrections == count else None

    with acting_for(AURORA.tenant_id):
        found = await until(f"{count} late calls of {LATE_ACCOUNT} are corrections", look)
    session.report("Late records", f"{found} calls of the closed month went to the next invoice")


async def _priced(session: Session, accepted: int) -> None:
    """Wait until rating has ended every accepted call, and say how."""
    audit = rating_grpc.RatingAuditServiceStub(session.channels["rating"])

    async def look() -> rating_service_pb2.GetRatingDigestResponse | None:
        answer = await audit.GetRatingDigest(rating_service_pb2.GetRatingDigestRequest())
        collected = sum(digest.collected_count for digest in answer.digests)
        return answer if collected >= accepted else None

    digests = (await until(f"{accepted} calls priced", look)).digests
    rated = sum(digest.rated_count for digest in digests)
    free = sum(digest.zero_count for digest in digests)
    unrated = sum(digest.unrated_count for digest in digests)
    session.report("Calls", f"{rated:,} rated, {free:,} at nothing, {unrated:,} without a rate")


async def _posted(session: Session) -> int:
    """Wait until the ledger has every charge of rating; return its entries."""
    rating = rating_grpc.RatingAuditServiceStub(session.channels["rating"])
    payment = payment_grpc.PaymentAuditServiceStub(session.channels["payment"])

    async def look() -> int | None:
        charged = await rating.GetRatingDigest(rating_service_pb2.GetRatingDigestRequest())
        posted = await payment.GetPaymentDigest(payment_service_pb2.GetPaymentDigestRequest())
        wanted = {d.tenant_id: _sums(d.charged_amounts) for d in charged.digests}
        found = {d.tenant_id: _sums(d.usage_amounts) for d in posted.digests}
        return posted.entry_count if wanted == found else None

    return await until("every charge is posted to the ledger", look)


def _part(total: Money, divisor: int) -> Money:
    """A whole number of cents, as a bank transfers it."""
    micros_per_cent = MICROS_PER_UNIT // 10 ** minor_unit_decimals(total.currency)
    return Money(total.currency, total.micros // divisor // micros_per_cent * micros_per_cent)


def _sums(amounts: Iterable[MoneyMessage]) -> dict[str, int]:
    """Micros by currency, without those at zero."""
    sums = (money_from_proto(amount) for amount in amounts)
    return {amount.currency: amount.micros for amount in sums if amount.micros}


async def _close(session: Session, account: Account) -> SavedInvoice | None:
    invoices = invoice_grpc.InvoiceServiceStub(session.channels["invoice"])
    await invoices.CloseBillingPeriod(
        invoice_service_pb2.CloseBillingPeriodRequest(
            account_id=account_id(account),
            period_start_time=time_to_proto(account.start),
            request_id=fixed_id("close", account_id(account)),
        )
    )
    period = await _closed_period(invoices, account)
    if not period.invoice_id:
        return None
    answer = await invoices.GetInvoice(
        invoice_service_pb2.GetInvoiceRequest(invoice_id=period.invoice_id)
    )
    return await _save(session, invoices, account, answer.invoice)


async def _closed_period(
    invoices: invoice_grpc.InvoiceServiceStub, account: Account
) -> invoice_pb2.BillingPeriod:
    """Wait until the usage on its way has arrived and the account's first period is closed."""
    request = invoice_service_pb2.ListBillingPeriodsRequest(account_id=account_id(account))

    async def look() -> invoice_pb2.BillingPeriod | None:
        first = (await invoices.ListBillingPeriods(request)).billing_periods[0]
        return first if first.state in CLOSED_STATES else None

    return await until(f"the period of {account.tenant} {account.code} is closed", look)


async def _save(
    session: Session,
    invoices: invoice_grpc.InvoiceServiceStub,
    account: Account,
    issued: invoice_pb2.Invoice,
) -> SavedInvoice:
    """Write the PDF into the tenant's folder."""
    request = invoice_service_pb2.DownloadInvoiceDocumentRequest(
        invoice_id=issued.invoice_id, kind=invoice_pb2.DOCUMENT_KIND_PDF
    )
    pieces = [piece.content async for piece in invoices.DownloadInvoiceDocument(request)]
    file = session.installation.invoice_folder / account.tenant / f"{issued.number}.pdf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(pieces))
    total = money_from_proto(issued.total_amount)
    return SavedInvoice(account.tenant, issued.number, account.code, total, file)


async def _record(
    payments: payment_grpc.PaymentServiceStub,
    account: Account,
    amount: Money,
    method: payment_pb2.PaymentMethod.ValueType,
    invoice_number: str,
) -> None:
    what = f"invoice {invoice_number}" if invoice_number else "cash desk, top-up"
    payment_id = fixed_id("payment", account_id(account), invoice_number)
    payment = payment_pb2.Payment(
        payment_id=payment_id,
        account_id=account_id(account),
        method=method,
        amount=money_to_proto(amount),
        value_date=date_to_proto(VALUE_DATE),
        evidence=f"{account.name}: {what}",
    )
    with acting_for(account.tenant):
        await payments.RecordPayment(
            payment_service_pb2.RecordPaymentRequest(payment=payment, request_id=payment_id)
        )
