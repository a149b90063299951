"""Queries on what has settled invoices: payments, and what was given up."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, ScalarSelect, cast, func, insert, select

from chassis.database.unit_of_work import EventPosition
from services.invoice.domain.invoice import OpenInvoice, SettlementKind
from services.invoice.store import schema

_columns = schema.payment_allocation.c


class Settled(NamedTuple):
    """What a payment or a write-off did, when, and the event that told of it."""

    settlement_id: str
    kind: SettlementKind
    settle_time: datetime
    source: EventPosition


def settled_micros(*kinds: SettlementKind) -> ScalarSelect[int]:
    """What was settled in these ways of the invoice of the enclosing query."""
    invoice = schema.invoice
    total = func.coalesce(func.sum(_columns.micros), 0)
    return (
        select(cast(total, BigInteger))
        .where(
            _columns.tenant_id == invoice.c.tenant_id,
            _columns.invoice_id == invoice.c.invoice_id,
            _columns.kind.in_(kinds),
        )
        .correlate(invoice)
        .scalar_subquery()
    )


def open_invoices(
    connection: Connection, tenant_id: str, account_id: str, currency: str
) -> list[OpenInvoice]:
    """The invoices of an account on which something remains to be paid, oldest first."""
    table = schema.invoice
    remaining = table.c.net_micros + table.c.tax_micros - settled_micros(*SettlementKind)
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
    connection: Connection, tenant_id: str, settlement_id: str
) -> list[tuple[str, int]]:
    """Which invoices a payment or a write-off has settled, and how much of each."""
    query = select(_columns.invoice_id, _columns.micros).where(
        _columns.tenant_id == tenant_id, _columns.payment_id == settlement_id
    )
    return [(row.invoice_id, row.micros) for row in connection.execute(query)]


def insert_allocations(
    connection: Connection,
    tenant_id: str,
    settled: Settled,
    allocations: Iterable[tuple[str, int]],
) -> None:
    """Note which invoices were settled, and how much of each."""
    rows = [
        {
            "tenant_id": tenant_id,
            "invoice_id": invoice_id,
            "payment_id": settled.settlement_id,
            "micros": micros,
            "settle_time": settled.settle_time,
            "source_partition": settled.source.partition,
            "source_sequence": settled.source.sequence,
            "kind": int(settled.kind),
        }
        for invoice_id, micros in allocations
    ]
    if rows:
        connection.execute(insert(schema.payment_allocation), rows)
