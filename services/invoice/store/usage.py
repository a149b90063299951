"""Queries on usage: a row for each charge revision, summed when asked and never counted beside.

Counters a period would be one hot row for each payer and could disagree with the rows; the rows of
a period lie together, and summing 10,000 of them takes milliseconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, select

from chassis.database.bulk import insert_rows
from services.invoice.domain.billing_period import UsageSum
from services.invoice.domain.usage import Charge, ChargeKind
from services.invoice.store import schema

ROWS_A_FETCH = 5_000

USAGE_COLUMNS = tuple(column.name for column in schema.usage_item.columns)
"""The order in which `insert_usage` takes the values of a row."""


def insert_usage(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Add charge revisions, in stored values (see USAGE_COLUMNS)."""
    insert_rows(connection, schema.usage_item, USAGE_COLUMNS, rows)


def usage_sums(
    connection: Connection, tenant_id: str, keys: Sequence[bytes]
) -> dict[bytes, UsageSum]:
    """The usage of periods by key; those without usage are left out."""
    table = schema.usage_item
    query = (
        select(
            table.c.period_key,
            func.count().label("charge_count"),
            cast(func.sum(table.c.micros_delta), BigInteger).label("micros"),
        )
        .where(table.c.tenant_id == tenant_id, table.c.period_key.in_(keys))
        .group_by(table.c.period_key)
    )
    return {
        row.period_key: UsageSum(row.charge_count, row.micros) for row in connection.execute(query)
    }


def revisions(
    connection: Connection, tenant_id: str, key: bytes
) -> Iterator[tuple[bytes, int, int]]:
    """The (charge id, revision, delta in micros) of a period."""
    table = schema.usage_item
    query = (
        select(table.c.charge_id, table.c.revision, table.c.micros_delta)
        .where(table.c.tenant_id == tenant_id, table.c.period_key == key)
        .execution_options(yield_per=ROWS_A_FETCH)
    )
    for row in connection.execute(query):
        yield row.charge_id, row.revision, row.micros_delta


def charges(connection: Connection, tenant_id: str, key: bytes) -> Iterator[Charge]:
    """The calls and fees of a period in the order of their start."""
    table = schema.usage_item
    query = (
        select(table)
        .where(table.c.tenant_id == tenant_id, table.c.period_key == key)
        .order_by(table.c.charge_id, table.c.revision)
        .execution_options(yield_per=ROWS_A_FETCH)
    )
    for _, revisions_of_charge in groupby(connection.execute(query), attrgetter("charge_id")):
        yield _to_charge(list(revisions_of_charge))


def _to_charge(rows: Sequence[Row[Any]]) -> Charge:
    newest = rows[-1]
    return Charge(
        charge_id=newest.charge_id,
        kind=ChargeKind(newest.kind),
        account_id=newest.account_id,
        correction=bool(newest.correction),
        start_time=newest.start_time,
        duration_ms=newest.duration_ms,
        charged_duration_ms=newest.charged_duration_ms,
        caller=newest.caller,
        callee=newest.callee,
        usage_line=newest.usage_line,
        micros=sum(row.micros_delta for row in rows),
    )
