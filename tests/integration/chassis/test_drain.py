"""A service ends when it is told to, whatever is away at that moment."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.security.authority import LocalAuthority
from deploy.local.ports import LOOPBACK, free_port, is_listening
from tests.support.nats_server import nats_server
from tests.support.postgresql_server import create_database, drop_database

START_SECONDS_MAX = 60
DRAIN_SECONDS_MAX = 45


@contextmanager
def fraud(tmp_path: Path, nats_url: str, database_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the fraud service until it listens."""
    port = free_port()
    environment = {
        **os.environ,
        "NATS_URL": nats_url,
        "DATABASE_URL": database_url,
        "LISTEN_ADDRESS": f"{LOOPBACK}:{port}",
        "TRUSTED_KEYS_FILE": str(LocalAuthority.open(tmp_path / "authority").trusted_keys_file),
    }
    command = [sys.executable, "-m", "cli.main", "serve", "fraud"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        listening = Retrying(
            retry=retry_if_result(lambda answer: not answer),
            stop=stop_after_delay(START_SECONDS_MAX),
            wait=wait_fixed(0.1),
        )
        listening(is_listening, port)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_service_ends_cleanly_without_its_broker(tmp_path: Path) -> None:
    """What the broker could not take waits in the outbox; the process does not wait for it."""
    with nats_server(tmp_path / "nats") as nats:
        with fraud(tmp_path, nats.url, f"sqlite:///{tmp_path / 'fraud.sqlite3'}") as process:
            nats.kill()
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DRAIN_SECONDS_MAX) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_service_ends_cleanly_without_its_database(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Leases that cannot be given back run out; that is no reason to fail."""
    server = request.getfixturevalue("postgresql_url")
    name = f"drain_{secrets.token_hex(5)}"
    url = create_database(server, name)
    database = Database.open(url)
    migrate(database, "fraud")
    database.close()
    with nats_server(tmp_path / "nats") as nats, fraud(tmp_path, nats.url, url) as process:
        drop_database(server, name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DRAIN_SECONDS_MAX) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
