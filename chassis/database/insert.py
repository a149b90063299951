"""INSERT … ON CONFLICT, which both databases write alike and SQLAlchemy keeps in two places."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Column, Connection, Table, literal
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> postgresql.Insert:
    """Return the insert of this connection's database, with its words for conflicts."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast(postgresql.Insert, sqlite.insert(table))


def insert_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken; tell whether it was inserted.

    The database decides, so that two writers of one key are told apart without a lock.
    """
    statement = insert_into(connection, table).values(**values).on_conflict_do_nothing()
    # Not by rowcount: for such an insert the driver of PostgreSQL does not tell it.
    return connection.execute(statement.returning(literal(1))).first() is not None


def upsert(
    connection: Connection,
    table: Table,
    values: Mapping[str, Any],
    newest_by: Column[Any] | None = None,
) -> None:
    """Insert a row, or overwrite the one with its primary key.

    With `newest_by`, one that is newer by this column stays.
    """
    statement = insert_into(connection, table).values(**values)
    key = table.primary_key.columns
    rest = {name: statement.excluded[name] for name in values if name not in key}
    is_newer = None if newest_by is None else newest_by <= statement.excluded[newest_by.name]
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=rest, where=is_newer)
    )
