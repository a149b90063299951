"""An empty database with the chassis' tables, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from chassis.database.columns import Key16
from chassis.database.engine import Database
from chassis.database.migrations import create_chassis_tables
from tests.support.postgresql_server import create_database, drop_database

thing_table = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("thing_id", Key16, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("micros", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=True),
    sa.PrimaryKeyConstraint("thing_id", "revision"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the chassis' tables and one table of things."""
    name = f"chassis_{uuid4().hex[:10]}"
    url = f"sqlite:///{tmp_path / name}.sqlite3"
    if request.param == "postgresql":
        url = create_database(request.getfixturevalue("postgresql_url"), name)
    opened = Database.open(url)
    with opened.engine.begin() as connection:
        create_chassis_tables(Operations(MigrationContext.configure(connection)))
        thing_table.create(connection)
    yield opened
    opened.close()
    if request.param == "postgresql":
        drop_database(request.getfixturevalue("postgresql_url"), name)
