"""Queries on usage: a row for each charge revision, summed when asked and never counted beside.

Counters a period would be one hot row for each payer and could disagree with the rows; the rows of
a period lie together, and summing 10,000 of them takes milliseconds.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, cast, func, select

from chassis.database.bulk import insert_rows
from services.invoice.domain.billing_period import UsageSum
from services.invoice.domain.usage import Charge, ChargeKind
from services.invoice.store import schema
from services.invoice.store.rows import AnyRow

CHARGES_A_READ = 5_000

USAGE_COLUMNS = tuple(column.name for column in schema.usage_item.columns)
"""The order in which `insert_usage` takes the values of a row."""

_LOWEST_KEY = bytes(16)


def insert_usage(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
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
    query = select(table.c.charge_id, table.c.revision, table.c.micros_delta).where(
        table.c.tenant_id == tenant_id, table.c.period_key == key
    )
    for row in connection.execute(query):
        yield row.charge_id, row.revision, row.micros_delta


def charges(connection: Connection, tenant_id: str, key: bytes) -> Iterator[Charge]:
    """The calls and fees of a period in the order of their start."""
    after = _LOWEST_KEY
    while page := charges_after(connection, tenant_id, key, after):
        yield from page
        after = page[-1].charge_id


def charges_after(connection: Connection, tenant_id: str, key: bytes, after: bytes) -> list[Charge]:
    """The next CHARGES_A_READ calls and fees of a period."""
    folded = _folded(tenant_id, key, after).subquery()
    query = (
        select(folded).where(folded.c.place == 1).order_by(folded.c.charge_id).limit(CHARGES_A_READ)
    )
    return [_to_charge(row) for row in connection.execute(query)]


def _folded(tenant_id: str, key: bytes, after: bytes) -> Select[Any]:
    """Each revision with its place, newest first, and the sum of all revisions of its charge."""
    table = schema.usage_item
    charge = table.c.charge_id
    total = func.sum(table.c.micros_delta).over(partition_by=charge)
    place = func.row_number().over(partition_by=charge, order_by=table.c.revision.desc())
    return select(table, cast(total, BigInteger).label("micros"), place.label("place")).where(
        table.c.tenant_id == tenant_id, table.c.period_key == key, charge > after
    )


def _to_charge(row: AnyRow) -> Charge:
    return Charge(
        charge_id=row.charge_id,
        kind=ChargeKind(row.kind),
        account_id=row.account_id,
        correction=bool(row.correction),
        start_time=row.start_time,
        duration_ms=row.duration_ms,
        charged_duration_ms=row.charged_duration_ms,
        caller=row.caller,
        callee=row.callee,
        usage_line=row.usage_line,
        micros=row.micros,
    )
