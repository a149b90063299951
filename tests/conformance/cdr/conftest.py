"""What the tests of cdr's database have in common."""

from pathlib import Path

import pytest

from chassis.database.engine import Database
from tests.conformance.cdr.exchange import Exchange
from tests.conformance.cdr.watching import Folder, a_watcher


@pytest.fixture
def service_name() -> str:
    """The service whose database the tests get."""
    return "cdr"


@pytest.fixture
async def exchange(database: Database) -> Exchange:
    """A tenant with one Asterisk exchange, on which alice has a line."""
    exchange = await Exchange.create(database, "acme")
    await exchange.add_line("alice")
    return exchange


@pytest.fixture
def folder(exchange: Exchange, tmp_path: Path) -> Folder:
    """The folder of the exchange, and who watches it."""
    path = tmp_path / "watch" / "acme" / "pbx"
    path.mkdir(parents=True)
    return Folder(path, exchange.database, a_watcher(exchange.database, tmp_path / "watch"))
