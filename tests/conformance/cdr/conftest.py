"""What the tests of cdr's database have in common."""

import pytest

from chassis.database.engine import Database
from tests.conformance.cdr.exchange import Exchange


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
