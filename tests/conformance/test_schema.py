"""The migrations of each service lead to the schema that its code is written for."""

from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata
from deploy.local.installation import SERVICES


@pytest.mark.parametrize("service_name", SERVICES)
def test_the_migrated_schema_is_the_one_in_the_code(database: Database, service_name: str) -> None:
    """No table, column or index is only in one of the two."""
    # It knows every module that adds tables.
    import_module(f"services.{service_name}.wiring")
    tables = import_module(f"services.{service_name}.store.schema").metadata.tables
    expected = MetaData()
    for table in (*tables.values(), *chassis_metadata.tables.values()):
        table.to_metadata(expected)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: not str(name).endswith("_default")}
        )
        differences = compare_metadata(context, expected)
    assert differences == []
