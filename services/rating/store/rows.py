"""What the queries of this store have in common: rows known by the tenant and their id."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table

from chassis.database.insert import insert_into


def upsert_if_newer(
    connection: Connection, table: Table, values: Mapping[str, Any], time: Column[Any]
) -> None:
    """Insert a row, or overwrite the one with its primary key unless that one is newer."""
    insert = insert_into(connection, table).values(**values)
    key = list(table.primary_key.columns)
    names = {column.name for column in key}
    rest = {name: insert.excluded[name] for name in values if name not in names}
    is_newer = time <= insert.excluded[time.name]
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=rest, where=is_newer))
