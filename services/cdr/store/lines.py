"""Keeps lines and accounts as invoice tells of them, and finds the line of a call."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, select

from chassis.database.insert import upsert
from kernel.clock import to_micros
from services.cdr.store.schema import account_table, line_table

# A line without a start or an end was or is there always.
_ALWAYS_FROM = 0
_ALWAYS_UNTIL = 2**63 - 1


class Line(NamedTuple):
    """Something that calls, and who pays for it, in a half-open span of microseconds."""

    line_id: str
    account_id: str
    payer_account_id: str
    start_micros: int
    end_micros: int


def put_line(  # noqa: PLR0913  one argument a column
    connection: Connection,
    *,
    tenant_id: str,
    line_id: str,
    kind: int,
    identifier: str,
    account_id: str,
    payer_account_id: str,
    start_time: datetime | None,
    end_time: datetime | None,
) -> None:
    """Store a line as it is now."""
    row = {
        "tenant_id": tenant_id,
        "line_id": line_id,
        "kind": kind,
        "identifier": identifier,
        "account_id": account_id,
        "payer_account_id": payer_account_id,
        "start_time": start_time,
        "end_time": end_time,
    }
    upsert(connection, line_table, row)


def put_account(
    connection: Connection, tenant_id: str, account_id: str, payer_account_id: str
) -> None:
    """Store who pays for an account now."""
    row = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "payer_account_id": payer_account_id,
    }
    upsert(connection, account_table, row)


def find_lines(
    connection: Connection, tenant_id: str, kind: int, identifiers: Collection[str]
) -> dict[str, list[Line]]:
    """The lines with these identifiers, whenever they were valid."""
    payer = func.coalesce(account_table.c.payer_account_id, line_table.c.payer_account_id)
    rows = connection.execute(
        select(
            line_table.c.identifier,
            line_table.c.line_id,
            line_table.c.account_id,
            payer.label("payer"),
            line_table.c.start_time,
            line_table.c.end_time,
        )
        .outerjoin(
            account_table,
            and_(
                account_table.c.tenant_id == line_table.c.tenant_id,
                account_table.c.account_id == line_table.c.account_id,
            ),
        )
        .where(
            line_table.c.tenant_id == tenant_id,
            line_table.c.kind == kind,
            line_table.c.identifier.in_(identifiers),
        )
    )
    found: dict[str, list[Line]] = {}
    for row in rows:
        line = Line(
            row.line_id,
            row.account_id,
            row.payer,
            _ALWAYS_FROM if row.start_time is None else to_micros(row.start_time),
            _ALWAYS_UNTIL if row.end_time is None else to_micros(row.end_time),
        )
        found.setdefault(row.identifier, []).append(line)
    return found


def line_at(lines: list[Line], micros: int) -> Line | None:
    """The line that was valid at this moment; at any time at most one is."""
    for line in lines:
        if line.start_micros <= micros < line.end_micros:
            return line
    return None
