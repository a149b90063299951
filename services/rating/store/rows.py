"""What the queries of this store have in common: rows known by the tenant and their id."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

# Both dialects write ON CONFLICT alike, but SQLAlchemy has no word for it that they share.
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken; tell whether it was inserted."""
    insert = _INSERTS[connection.dialect.name](table).values(**values).on_conflict_do_nothing()
    # Inserts have no row count on PostgreSQL.
    return connection.execute(insert.returning(*table.primary_key)).first() is not None


def upsert_if_newer(
    connection: Connection, table: Table, values: Mapping[str, Any], time: Column[Any]
) -> None:
    """Insert a row, or overwrite the one with its primary key unless that one is newer."""
    insert = _INSERTS[connection.dialect.name](table).values(**values)
    key = list(table.primary_key.columns)
    names = {column.name for column in key}
    rest = {name: insert.excluded[name] for name in values if name not in names}
    is_newer = time <= insert.excluded[time.name]
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=rest, where=is_newer))
