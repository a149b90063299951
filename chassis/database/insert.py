"""INSERT … ON CONFLICT, which both databases write alike and SQLAlchemy keeps in two places."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, Table, literal
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
