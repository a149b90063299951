"""The chassis' tables are made by the first migration of each service, and by no later one."""

from hashlib import sha256

from sqlalchemy import Index
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from chassis.database.schema import chassis_metadata

AS_FIRST_RELEASED = "468a9af46d44bf19"
WAY_OUT = (
    "a chassis table has changed, which no database that exists would ever hear of: have the first "
    "migrations make the former tables, add a migration to each service that makes the change, and "
    "put the new digest here: {}"
)


def test_no_chassis_table_changes_without_a_migration() -> None:
    """First migrations make what the code has today: a change reaches new databases only."""
    tables = chassis_metadata.sorted_tables
    indexes = sorted((each for table in tables for each in table.indexes), key=_name)
    statements: list[ExecutableDDLElement] = [*map(CreateTable, tables), *map(CreateIndex, indexes)]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    texts = [str(statement.compile(dialect=dialect)) for statement in statements]
    digest = sha256("\n".join(texts).encode()).hexdigest()[:16]
    assert digest == AS_FIRST_RELEASED, WAY_OUT.format(digest)


def _name(index: Index) -> str:
    return str(index.name)
