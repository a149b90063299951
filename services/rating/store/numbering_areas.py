"""A tenant's own area codes and exchanges of the United States."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from chassis.database.bulk import insert_rows
from services.rating.domain.tariffs.jurisdiction import NumberingArea, NumberingAreas
from services.rating.store.routing_schema import numbering_area


def replace_numbering_areas(
    connection: Connection, tenant_id: str, areas: Sequence[NumberingArea]
) -> None:
    """Store a tenant's table in place of the one it had."""
    connection.execute(delete(numbering_area).where(numbering_area.c.tenant_id == tenant_id))
    names = ["tenant_id", "prefix", "state"]
    insert_rows(connection, numbering_area, names, [(tenant_id, *area) for area in sorted(areas)])


def list_numbering_areas(
    connection: Connection, tenant_id: str, after: str = "", limit: int | None = None
) -> list[NumberingArea]:
    """A tenant's own rows by prefix; a page, or all."""
    table = numbering_area.c
    query = (
        select(table.prefix, table.state)
        .where(table.tenant_id == tenant_id, table.prefix > after)
        .order_by(table.prefix)
        .limit(limit)
    )
    return [NumberingArea(*row) for row in connection.execute(query)]


def read_numbering_areas(connection: Connection, tenant_id: str) -> NumberingAreas:
    """The area codes that a tenant's calls are told apart by."""
    return NumberingAreas(list_numbering_areas(connection, tenant_id))
