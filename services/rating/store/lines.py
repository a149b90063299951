"""Lines of accounts, as invoice tells of them: by whom a call is made."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from chassis.database.direct import Direct
from chassis.database.insert import upsert
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.domain.charging.lines import Line, LineKind
from services.rating.store.charging_schema import line

_ALWAYS_FROM_MICROS = 0

_BY_IDENTIFIER = (
    select(
        line.c.identifier,
        line.c.kind,
        line.c.account_id,
        line.c.start_time,
        line.c.end_time,
        line.c.store_time,
    )
    .where(
        line.c.tenant_id == bindparam("tenant_id"),
        line.c.identifier.in_(bindparam("identifiers", expanding=True)),
    )
    .order_by(line.c.line_id)
)
# Asked by every replica several times a second.
_STORED_SINCE = Direct(
    select(line.c.tenant_id, line.c.identifier, line.c.store_time)
    .where(line.c.store_time > bindparam("moment"))
    .order_by(line.c.store_time)
    .limit(bindparam("limit"))
)


class StoredLine(NamedTuple):
    """A line as an event tells of it."""

    line_id: str
    kind: LineKind
    identifier: str
    account_id: str
    payer_account_id: str
    start_time: datetime | None
    end_time: datetime | None
    change_time: datetime


def save_line(uow: UnitOfWork, tenant_id: str, told: StoredLine) -> None:
    """Remember whose a line was at a time."""
    values = {"tenant_id": tenant_id, **told._asdict(), "store_time": uow.now}
    upsert(uow.connection, line, values, newest_by=line.c.change_time)


class KnownLines(NamedTuple):
    """The lines with one identifier, whenever."""

    lines: tuple[Line, ...] = ()
    store_micros: int = 0
    """When one of them was stored last."""


def lines_of(
    connection: Connection, tenant_id: str, identifiers: Collection[str]
) -> dict[str, KnownLines]:
    """Every line with one of some identifiers; none for one that nobody has."""
    found = dict.fromkeys(identifiers, KnownLines())
    parameters = {"tenant_id": tenant_id, "identifiers": sorted(found)}
    for row in connection.execute(_BY_IDENTIFIER, parameters):
        start = to_micros(row.start_time) if row.start_time else _ALWAYS_FROM_MICROS
        end = to_micros(row.end_time) if row.end_time else None
        lines, stored = found[row.identifier]
        known = Line(LineKind(row.kind), row.account_id, start, end)
        found[row.identifier] = KnownLines((*lines, known), max(stored, to_micros(row.store_time)))
    return found


def lines_stored_since(
    connection: Connection, moment: datetime, limit: int
) -> dict[tuple[str, str], int]:
    """Tenant and identifier of lines that were stored after a moment, with the newest time."""
    rows = _STORED_SINCE.rows(connection, {"moment": to_micros(moment), "limit": limit})
    return {(tenant_id, identifier): micros for tenant_id, identifier, micros in rows}
