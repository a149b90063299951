"""Queries on invoices and their numbers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from chassis.database.insert import insert_into
from chassis.database.pages import Page, PageRequest, page_of
from chassis.database.unit_of_work import EventPosition
from kernel.money import Money
from kernel.period import Period
from services.invoice.domain.invoice import (
    Invoice,
    InvoiceAmounts,
    InvoiceLine,
    InvoiceNumber,
    SettlementKind,
)
from services.invoice.store import schema
from services.invoice.store.settlements import settled_micros


def next_sequence(connection: Connection, tenant_id: str, legal_entity_id: str, year: int) -> int:
    """Take the next number of a series; others wait, and a rollback gives it back."""
    table = schema.invoice_series
    first = insert_into(connection, table).values(
        tenant_id=tenant_id, legal_entity_id=legal_entity_id, year=year, last_sequence=1
    )
    statement = first.on_conflict_do_update(
        index_elements=[table.c.tenant_id, table.c.legal_entity_id, table.c.year],
        set_={"last_sequence": table.c.last_sequence + 1},
    ).returning(table.c.last_sequence)
    return int(connection.execute(statement).scalar_one())


def insert_invoice(
    connection: Connection,
    tenant_id: str,
    invoice: Invoice,
    parties: dict[str, Any],
    issued: EventPosition,
) -> None:
    """Store an issued invoice with its lines; `parties` are the issuer and recipient columns."""
    values = {
        "tenant_id": tenant_id,
        "invoice_id": invoice.invoice_id,
        "legal_entity_id": invoice.legal_entity_id,
        "number_prefix": invoice.number.prefix,
        "number_year": invoice.number.year,
        "number_sequence": invoice.number.sequence,
        "account_id": invoice.account_id,
        "account_code": invoice.account_code,
        "time_zone": invoice.time_zone,
        "start_time": invoice.span.start,
        "end_time": invoice.span.end,
        "issue_time": invoice.issue_time,
        "currency": invoice.amounts.usage.currency,
        "usage_micros": invoice.amounts.usage.micros,
        "net_micros": invoice.amounts.net.micros,
        "tax_micros": invoice.amounts.tax.micros,
        "tax_display_name": invoice.tax_display_name,
        "tax_basis_points": invoice.tax_basis_points,
        "issued_partition": issued.partition,
        "issued_sequence": issued.sequence,
    }
    connection.execute(insert(schema.invoice).values(values | parties))
    _insert_lines(connection, tenant_id, invoice)


def find_invoice(connection: Connection, tenant_id: str, invoice_id: str) -> Invoice | None:
    """An invoice by id, with its lines and what was paid on it."""
    query = _invoices(tenant_id).where(schema.invoice.c.invoice_id == invoice_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _with_lines(connection, tenant_id, [_to_invoice(row)])[0]


def list_invoices(
    connection: Connection, tenant_id: str, account_id: str, request: PageRequest
) -> Page[Invoice]:
    """A tenant's invoices, newest first; only those of an account that is given."""
    table = schema.invoice
    query = _invoices(tenant_id)
    if account_id:
        query = query.where(table.c.account_id == account_id)
    order = [table.c.issue_time, table.c.invoice_id]
    page = page_of(connection, query, order, request, newest_first=True).mapped(_to_invoice)
    return Page(_with_lines(connection, tenant_id, page.items), page.next_after)


def _invoices(tenant_id: str) -> Select[Any]:
    query = select(
        schema.invoice,
        settled_micros(SettlementKind.PAYMENT).label("paid_micros"),
        settled_micros(SettlementKind.WRITE_OFF).label("written_off_micros"),
    )
    return query.where(schema.invoice.c.tenant_id == tenant_id)


def _insert_lines(connection: Connection, tenant_id: str, invoice: Invoice) -> None:
    rows = [
        {
            "tenant_id": tenant_id,
            "invoice_id": invoice.invoice_id,
            "position": position,
            "usage_line": line.usage_line,
            "charge_count": line.charge_count,
            "charged_duration_ms": line.charged_duration_ms,
            "micros": line.micros,
            "correction": int(line.correction),
        }
        for position, line in enumerate(invoice.lines, start=1)
    ]
    connection.execute(insert(schema.invoice_line), rows)


def _with_lines(
    connection: Connection, tenant_id: str, invoices: Sequence[Invoice]
) -> list[Invoice]:
    table = schema.invoice_line
    query = (
        select(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.invoice_id.in_([invoice.invoice_id for invoice in invoices]),
        )
        .order_by(table.c.invoice_id, table.c.position)
    )
    lines: defaultdict[str, list[InvoiceLine]] = defaultdict(list)
    for row in connection.execute(query):
        lines[row.invoice_id].append(_to_line(row))
    return [replace(invoice, lines=tuple(lines[invoice.invoice_id])) for invoice in invoices]


def _to_line(row: Row[Any]) -> InvoiceLine:
    return InvoiceLine(
        row.usage_line, row.charge_count, row.charged_duration_ms, row.micros, bool(row.correction)
    )


def _to_invoice(row: Row[Any]) -> Invoice:
    return Invoice(
        invoice_id=row.invoice_id,
        number=InvoiceNumber(row.number_prefix, row.number_year, row.number_sequence),
        legal_entity_id=row.legal_entity_id,
        account_id=row.account_id,
        account_code=row.account_code,
        time_zone=row.time_zone,
        span=Period(row.start_time, row.end_time),
        issue_time=row.issue_time,
        amounts=InvoiceAmounts(
            usage=Money(row.currency, row.usage_micros),
            net=Money(row.currency, row.net_micros),
            tax=Money(row.currency, row.tax_micros),
        ),
        tax_display_name=row.tax_display_name,
        tax_basis_points=row.tax_basis_points,
        paid_micros=row.paid_micros,
        written_off_micros=row.written_off_micros,
    )
