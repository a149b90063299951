"""Sums of every tenant, recomputed from usage and invoices up to watermarks."""

from collections.abc import Collection

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select

from chassis.database.watermarks import Watermarks, is_counted
from kernel.money import Money
from services.invoice.domain.audit import InvoicedSum, NumberSeries, UsageTotal
from services.invoice.store import schema


def usage_totals(connection: Connection, watermarks: Watermarks) -> list[UsageTotal]:
    """The usage that came from rating, by tenant and currency."""
    table = schema.usage_item
    query = (
        select(
            table.c.tenant_id,
            table.c.currency,
            func.count().label("charge_count"),
            _sum(table.c.micros_delta).label("micros"),
        )
        .where(is_counted(watermarks, table.c.source_partition, table.c.source_sequence))
        .group_by(table.c.tenant_id, table.c.currency)
        .order_by(table.c.tenant_id, table.c.currency)
    )
    return [
        UsageTotal(row.tenant_id, Money(row.currency, row.micros), row.charge_count)
        for row in connection.execute(query)
    ]


def invoiced_sums(connection: Connection, watermarks: Watermarks) -> list[InvoicedSum]:
    """The invoices that went out, by tenant and currency."""
    table = schema.invoice
    query = (
        select(
            table.c.tenant_id,
            table.c.currency,
            func.count().label("invoice_count"),
            _sum(table.c.net_micros - table.c.usage_micros).label("rounding"),
            _sum(table.c.net_micros + table.c.tax_micros).label("total"),
        )
        .where(is_counted(watermarks, table.c.issued_partition, table.c.issued_sequence))
        .group_by(table.c.tenant_id, table.c.currency)
        .order_by(table.c.tenant_id, table.c.currency)
    )
    return [
        InvoicedSum(
            row.tenant_id,
            Money(row.currency, row.rounding),
            Money(row.currency, row.total),
            row.invoice_count,
        )
        for row in connection.execute(query)
    ]


def number_series(connection: Connection) -> list[NumberSeries]:
    """What was taken from each series of invoice numbers, and what is there."""
    series, table = schema.invoice_series, schema.invoice
    entity = schema.legal_entity
    issued = (
        (table.c.tenant_id == series.c.tenant_id)
        & (table.c.legal_entity_id == series.c.legal_entity_id)
        & (table.c.number_year == series.c.year)
    )
    owner = (entity.c.tenant_id == series.c.tenant_id) & (
        entity.c.legal_entity_id == series.c.legal_entity_id
    )
    key = [series.c.tenant_id, entity.c.code, series.c.year, series.c.last_sequence]
    query = (
        select(
            *key,
            func.count(table.c.number_sequence).label("number_count"),
            func.coalesce(func.min(table.c.number_sequence), 0).label("lowest"),
            func.coalesce(func.max(table.c.number_sequence), 0).label("highest"),
        )
        .select_from(series.join(entity, owner).outerjoin(table, issued))
        .group_by(*key)
        .order_by(*key)
    )
    return [
        NumberSeries(
            row.tenant_id,
            row.code,
            row.year,
            row.last_sequence,
            row.number_count,
            row.lowest,
            row.highest,
        )
        for row in connection.execute(query)
    ]


def tenant_ids(connection: Connection) -> Collection[str]:
    """Every tenant."""
    return (
        connection.execute(select(schema.tenant.c.tenant_id).order_by(schema.tenant.c.tenant_id))
        .scalars()
        .all()
    )


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.sum(amount), BigInteger)
