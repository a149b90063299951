"""The migrations lead to the schema that the code is written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata
from services.rating.store.counter_schema import usage_counter
from services.rating.store.routing_schema import supplier
from services.rating.store.schema import metadata
from services.rating.store.tariff_schema import exchange_rate


def test_the_migrated_schema_is_the_one_in_the_code(database: Database) -> None:
    """No table, column or index is only in one of the two."""
    expected = MetaData()
    # One of each module that adds tables.
    assert {usage_counter, supplier, exchange_rate} <= set(metadata.tables.values())
    for table in (*metadata.tables.values(), *chassis_metadata.tables.values()):
        table.to_metadata(expected)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: not str(name).endswith("_default")}
        )
        differences = compare_metadata(context, expected)
    assert differences == []
