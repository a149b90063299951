"""Bringing a service's database to the schema that its code expects."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata, outbox_head_table
from kernel.partition import PARTITION_COUNT


class NotMigratedError(RuntimeError):
    """The database's schema is not the one that this code was written for."""


def migrate(database: Database, service: str) -> None:
    """Apply what is missing, in one transaction a migration."""
    with _configured(database, service) as (config, _):
        command.upgrade(config, "head")


def check_migrated(database: Database, service: str) -> None:
    """Refuse to work on another schema.

    Raises:
        NotMigratedError: migrations are missing, or the database is newer than this code.
    """
    with _configured(database, service) as (config, connection):
        current = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(config).get_current_head()
    if current != head:
        raise NotMigratedError(
            f"the {service} database is at migration {current or 'none'}, this code needs {head}; "
            f"run `tollbook migrate {service}` once, with the same DATABASE_URL"
        )


class MigrationOperations(Protocol):
    """What of `alembic.op` we need."""

    def get_bind(self) -> sa.Connection:
        """Return the connection that the migration runs on."""
        ...


def create_chassis_tables(op: MigrationOperations) -> None:
    """Create the chassis' own tables; each service's first migration calls it."""
    chassis_metadata.create_all(op.get_bind())
    rows = [
        {"partition": partition, "last_sequence": 0, "published_sequence": 0}
        for partition in range(PARTITION_COUNT)
    ]
    op.get_bind().execute(sa.insert(outbox_head_table), rows)


@contextmanager
def _configured(database: Database, service: str) -> Iterator[tuple[Config, sa.Connection]]:
    config = Config()
    config.set_main_option(
        "script_location", str(_folder("chassis.database.migration_environment"))
    )
    versions = _folder(f"services.{service}.store.migrations") / "versions"
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        yield config, connection


def _folder(package: str) -> Path:
    return Path(str(resources.files(package)))
