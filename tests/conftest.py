"""Fixtures that every kind of test may ask for."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from tests.support.memory import memory_folder
from tests.support.postgresql_server import create_database, drop_database, postgresql_server

SHARING_A_SUITE = "tests/e2e/"


def pytest_configure(config: pytest.Config) -> None:
    """Let `tmp_path` be in memory."""
    folder = memory_folder()
    if folder is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker a module after another, and all that share a running suite to one."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SHARING_A_SUITE):
            return SHARING_A_SUITE
        scope: str = super()._split_scope(nodeid)
        return scope


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    """Choose how tests are shared out."""
    return ByModule(config, log)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgresql_server() as url:
        yield url


@dataclass(frozen=True, slots=True)
class Contents:
    """What a test finds in its database."""

    name: str
    # Puts it into an empty database.
    fill: Callable[[str], None]


class Templates:
    """Databases that were filled once, to be copied for each test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._databases: dict[str, str] = {}

    def file(self, contents: Contents) -> Path:
        """A SQLite file with the contents, closed and whole."""
        path = self._folder / f"{contents.name}.sqlite3"
        if not path.exists():
            contents.fill(f"sqlite:///{path}")
        return path

    def database(self, server: str, contents: Contents) -> str:
        """The name of a PostgreSQL database with the contents."""
        if contents.name not in self._databases:
            name = f"template_{contents.name}_{uuid4().hex[:8]}"
            contents.fill(create_database(server, name))
            self._databases[contents.name] = name
        return self._databases[contents.name]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The filled databases of this session."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def contents(service_name: str) -> Contents:
    """The schema of the service, and nothing else."""
    return schema_of(service_name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, contents: Contents, templates: Templates
) -> Iterator[str]:
    """The URL of a database with the contents of its own, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / f"{contents.name}.sqlite3"
        shutil.copyfile(templates.file(contents), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql_url")
    name = f"{contents.name}_{uuid4().hex[:12]}"
    yield create_database(server, name, templates.database(server, contents))
    drop_database(server, name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The open database of the service named by the fixture `service_name`."""
    opened = Database.open(database_url)
    yield opened
    opened.close()


def schema_of(service: str) -> Contents:
    """The schema of a service."""
    return Contents(service, partial(migrate_url, service=service))


def migrate_url(url: str, service: str) -> None:
    """Bring the database of a service to its newest schema."""
    database = Database.open(url)
    migrate(database, service)
    database.close()
