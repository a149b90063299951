"""The books of payment on a real database, fed with real events."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.database import unit_of_work
from chassis.database.engine import Database
from tests.conformance.payment.books import Books
from tests.conformance.payment.collecting import TENANT, MovedClock, Till
from tests.support.sandbox_gateway import MovableClock, RunningGateway, running_gateway


@pytest.fixture
def service_name() -> str:
    """The service whose schema the database has."""
    return "payment"


@pytest.fixture
def books(database: Database) -> Books:
    """Empty books."""
    return Books(database)


@pytest.fixture
def gateway_clock() -> MovableClock:
    """The gateway's clock."""
    return MovableClock()


@pytest.fixture
async def gateway(tmp_path: Path, gateway_clock: MovableClock) -> AsyncIterator[RunningGateway]:
    """A sandbox gateway at which the tenant has an account."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with running_gateway(folder, clock=gateway_clock) as running:
        running.give_key(TENANT)
        yield running


@pytest.fixture
async def till(
    database: Database, books: Books, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Till]:
    """One replica over an empty database, whose time is the test's."""
    clock = MovedClock()
    monkeypatch.setattr(unit_of_work, "utc_now", clock)
    client = gateway.client()
    yield Till(database, books, gateway, client, clock)
    await client.close()
