"""Fixtures that every kind of test may ask for."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from tests.support.postgresql_server import create_database, drop_database, postgresql_server


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgresql_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_templates() -> dict[str, str]:
    """The PostgreSQL databases that were migrated already, by service."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, service_name: str
) -> Iterator[str]:
    """The URL of an empty, migrated database of the service, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / service_name}.sqlite3"
        migrate_url(url, service_name)
        yield url
        return
    server = request.getfixturevalue("postgresql_url")
    templates = request.getfixturevalue("migrated_templates")
    if service_name not in templates:
        template = f"template_{service_name}_{uuid4().hex[:8]}"
        migrate_url(create_database(server, template), service_name)
        templates[service_name] = template
    name = f"{service_name}_{uuid4().hex[:12]}"
    yield create_database(server, name, templates[service_name])
    drop_database(server, name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database of the service named by the fixture `service_name`."""
    opened = Database.open(database_url)
    yield opened
    opened.close()


def migrate_url(url: str, service: str) -> None:
    """Bring the database of a service to its newest schema."""
    database = Database.open(url)
    migrate(database, service)
    database.close()
