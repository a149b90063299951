"""Queries on what was paid on invoices."""

from datetime import datetime

from sqlalchemy import BigInteger, Connection, ScalarSelect, cast, func, insert, select

from services.invoice.domain.invoice import OpenInvoice
from services.invoice.store import schema


def paid_micros() -> ScalarSelect[int]:
    """What was paid on the invoice of the enclosing query."""
    table, invoice = schema.payment_allocation, schema.invoice
    total = func.coalesce(func.sum(table.c.micros), 0)
    return (
        select(cast(total, BigInteger))
        .where(table.c.tenant_id == invoice.c.tenant_id, table.c.invoice_id == invoice.c.invoice_id)
        .correlate(invoice)
        .scalar_subquery()
    )


def open_invoices(
    connection: Connection, tenant_id: str, account_id: str, currency: str
) -> list[OpenInvoice]:
    """The invoices of an account on which something remains to be paid, oldest first."""
    table = schema.invoice
    remaining = table.c.net_micros + table.c.tax_micros - paid_micros()
    query = (
        select(table.c.invoice_id, remaining.label("open_micros"))
        .where(
            table.c.tenant_id == tenant_id,
            table.c.account_id == account_id,
            table.c.currency == currency,
            remaining > 0,
        )
        .order_by(table.c.issue_time, table.c.invoice_id)
    )
    return [OpenInvoice(row.invoice_id, row.open_micros) for row in connection.execute(query)]


def allocations_of(
    connection: Connection, tenant_id: str, payment_id: str
) -> list[tuple[str, int]]:
    """Which invoices a payment has settled, and how much of each."""
    table = schema.payment_allocation
    query = select(table.c.invoice_id, table.c.micros).where(
        table.c.tenant_id == tenant_id, table.c.payment_id == payment_id
    )
    return [(row.invoice_id, row.micros) for row in connection.execute(query)]


def insert_allocations(
    connection: Connection,
    tenant_id: str,
    payment_id: str,
    settle_time: datetime,
    source: tuple[int, int],
    allocations: list[tuple[str, int]],
) -> None:
    """Note which invoices a payment has settled, and the (partition, sequence) that told of it."""
    rows = [
        {
            "tenant_id": tenant_id,
            "invoice_id": invoice_id,
            "payment_id": payment_id,
            "micros": micros,
            "settle_time": settle_time,
            "source_partition": source[0],
            "source_sequence": source[1],
        }
        for invoice_id, micros in allocations
    ]
    if rows:
        connection.execute(insert(schema.payment_allocation), rows)
