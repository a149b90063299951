"""The migrations lead to the schema that the code is written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata
from services.payment.store.funds_schema import funds_table


def test_the_migrated_schema_is_the_one_in_the_code(database: Database) -> None:
    """No table, column or index is only in one of the two."""
    expected = MetaData()
    for table in (*funds_table.metadata.tables.values(), *chassis_metadata.tables.values()):
        table.to_metadata(expected)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: not str(name).endswith("_default")}
        )
        differences = compare_metadata(context, expected)
    assert differences == []
