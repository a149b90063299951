"""The migrations lead to the schema that the code is written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata
from services.rating.store import counter_schema, routing_schema, tariff_schema


def test_the_migrated_schema_is_the_one_in_the_code(database: Database) -> None:
    """No table, column or index is only in one of the two."""
    expected = MetaData()
    metadata = routing_schema.metadata
    assert tariff_schema.metadata is counter_schema.metadata is metadata
    for table in (*metadata.tables.values(), *chassis_metadata.tables.values()):
        table.to_metadata(expected)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: not str(name).endswith("_default")}
        )
        differences = compare_metadata(context, expected)
    assert differences == []
