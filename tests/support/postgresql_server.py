"""The PostgreSQL server that the tests share: started once, a fresh database for each test."""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from deploy.local.ports import free_port
from deploy.local.postgresql import Postgresql, server_user
from tests.support.memory import memory_folder

START_SECONDS_MAX = 60


@contextmanager
def postgresql_server(durable: bool = False) -> Iterator[str]:
    """Yield the URL of a running server: TEST_PG_URL, or one of our own.

    Tests need no commits that outlive a power cut; what measures writing does.
    """
    given = os.environ.get("TEST_PG_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(
        prefix="tollbook-pg-",
        dir=None if durable else memory_folder(),
        ignore_cleanup_errors=True,
    ) as folder:
        Path(folder).chmod(0o755)
        server = Postgresql(Path(folder) / "cluster", free_port(), secrets.token_hex(16))
        server.initialise()
        process = subprocess.Popen(
            server.command(durable), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=server_user(),
        )  # fmt: skip
        try:
            wait_until_answering(server.url)
            yield server.url
        finally:
            # A fast shutdown: it doesn't wait for whoever is still connected.
            process.send_signal(signal.SIGINT)
            process.wait()


def wait_until_answering(url: str) -> None:
    """Wait until the server accepts queries."""
    engine = _administrator(url)
    for attempt in Retrying(
        retry=retry_if_exception_type(sa.exc.OperationalError),
        stop=stop_after_delay(START_SECONDS_MAX),
        wait=wait_fixed(0.05),
        reraise=True,
    ):
        with attempt, engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    engine.dispose()


def create_database(url: str, name: str, template: str = "template0") -> str:
    """Create a database, as a copy of another, and return its URL."""
    with _administrator(url).connect() as connection:
        # Files are copied as they are; by way of the log, the default, it takes twice as long.
        statement = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'
        connection.execute(sa.text(statement))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Drop a database with whoever is still connected to it."""
    with _administrator(url).connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@cache
def _administrator(url: str) -> sa.Engine:
    """One connection for all databases of a session."""
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, isolation_level="AUTOCOMMIT")
