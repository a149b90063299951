"""Periods, invoices and sums to messages of the contract."""

from chassis.grpc.convert import (
    date_to_proto,
    money_to_proto,
    range_to_proto,
    time_to_proto,
)
from kernel.money import Money
from services.invoice.domain.audit import TenantDigest
from services.invoice.domain.billing_period import BillingPeriod, UsageSum
from services.invoice.domain.invoice import Invoice, InvoiceLine
from tollbook.invoice.v1 import invoice_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2 as service_pb


def period_to_proto(period: BillingPeriod, usage: UsageSum, currency: str) -> pb.BillingPeriod:
    """A billing period with its usage so far."""
    return pb.BillingPeriod(
        account_id=period.account_id,
        span=range_to_proto(period.span),
        state=pb.BillingPeriod.State.ValueType(period.state),
        seal_id=period.seal.seal_id if period.seal else "",
        invoice_id=period.invoice_id,
        usage_amount=money_to_proto(Money(currency, usage.micros)),
        charge_count=usage.charge_count,
    )


def invoice_to_proto(invoice: Invoice) -> pb.Invoice:
    """An invoice with its lines."""
    amounts = invoice.amounts
    currency = amounts.usage.currency
    return pb.Invoice(
        invoice_id=invoice.invoice_id,
        number=str(invoice.number),
        legal_entity_id=invoice.legal_entity_id,
        account_id=invoice.account_id,
        account_code=invoice.account_code,
        billing_period=range_to_proto(invoice.span),
        issue_date=date_to_proto(invoice.issue_date),
        due_date=date_to_proto(invoice.due_date),
        lines=[_line_to_proto(line, currency) for line in invoice.lines],
        net_amount=money_to_proto(amounts.net),
        tax_display_name=invoice.tax_display_name,
        tax_basis_points=invoice.tax_basis_points,
        tax_amount=money_to_proto(amounts.tax),
        total_amount=money_to_proto(amounts.total),
        rounding_difference=money_to_proto(amounts.rounding_difference),
        paid_amount=money_to_proto(Money(currency, invoice.paid_micros)),
        written_off_amount=money_to_proto(Money(currency, invoice.written_off_micros)),
        open_amount=money_to_proto(Money(currency, invoice.open_micros)),
        state=pb.Invoice.State.ValueType(invoice.state),
        issue_time=time_to_proto(invoice.issue_time),
    )


def digest_to_proto(digest: TenantDigest) -> service_pb.InvoiceDigest:
    """The sums of one tenant."""
    return service_pb.InvoiceDigest(
        tenant_id=digest.tenant_id,
        usage_amounts=[money_to_proto(each.amount) for each in digest.usage],
        charge_revision_count=sum(each.charge_count for each in digest.usage),
        rounding_amounts=[money_to_proto(each.rounding) for each in digest.invoiced],
        invoiced_amounts=[money_to_proto(each.total) for each in digest.invoiced],
        invoice_count=sum(each.invoice_count for each in digest.invoiced),
        number_gaps=digest.number_gaps,
    )


def _line_to_proto(line: InvoiceLine, currency: str) -> pb.InvoiceLine:
    return pb.InvoiceLine(
        usage_line=line.usage_line,
        charge_count=line.charge_count,
        charged_duration_ms=line.charged_duration_ms,
        amount=money_to_proto(Money(currency, line.micros)),
        correction=line.correction,
    )
