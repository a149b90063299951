"""Rating on a real database, fed with real events and asked through its real doors."""

import pytest

from chassis.database.engine import Database
from tests.conformance.rating.desk import Desk


@pytest.fixture
def service_name() -> str:
    """The service whose schema the database has."""
    return "rating"


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A tenant with a deck, a plan and one subscribed account, called as its operator."""
    opened = Desk(database)
    await opened.set_up()
    return opened
