"""Queries on lines."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from services.invoice.domain.account import Line, LineKind
from services.invoice.domain.validity import Validity
from services.invoice.store import schema


def lock_identifier(
    connection: Connection, tenant_id: str, kind: LineKind, identifier: str
) -> None:
    """Make others who want lines of this identifier wait for the end of this transaction.

    The row is there for the first line too, which could not be locked otherwise.
    """
    table = schema.line_identifier
    key = {"tenant_id": tenant_id, "kind": int(kind), "identifier": identifier}
    insert_if_new(connection, table, key)
    connection.execute(select(table).filter_by(**key).with_for_update()).one()


def lines_of_identifier(
    connection: Connection, tenant_id: str, kind: LineKind, identifier: str
) -> list[Line]:
    """All lines that an identifier ever was."""
    query = select(schema.line).filter_by(
        tenant_id=tenant_id, kind=int(kind), identifier=identifier
    )
    return [_to_line(row) for row in connection.execute(query)]


def insert_line(connection: Connection, tenant_id: str, line: Line) -> bool:
    """Whether the id is new."""
    values = {
        "tenant_id": tenant_id,
        "line_id": line.line_id,
        "account_id": line.account_id,
        "kind": int(line.kind),
        "identifier": line.identifier,
        "start_time": line.validity.start,
        "end_time": line.validity.end,
    }
    return insert_if_new(connection, schema.line, values)


def update_end(connection: Connection, tenant_id: str, line: Line) -> None:
    """Store a line's new end."""
    table = schema.line
    connection.execute(
        update(table)
        .where(table.c.tenant_id == tenant_id, table.c.line_id == line.line_id)
        .values(end_time=line.validity.end)
    )


def find_line(connection: Connection, tenant_id: str, line_id: str) -> Line | None:
    """A line by id."""
    query = select(schema.line).filter_by(tenant_id=tenant_id, line_id=line_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_line(row)


def list_lines(
    connection: Connection, tenant_id: str, account_id: str, request: PageRequest
) -> Page[Line]:
    """A tenant's lines by identifier; only those of an account that is given."""
    table = schema.line
    query = select(table).where(table.c.tenant_id == tenant_id)
    if account_id:
        query = query.where(table.c.account_id == account_id)
    order = [table.c.identifier, table.c.line_id]
    return page_of(connection, query, order, request).mapped(_to_line)


def _to_line(row: Row[Any]) -> Line:
    validity = Validity(row.start_time, row.end_time)
    return Line(row.line_id, row.account_id, LineKind(row.kind), row.identifier, validity)
