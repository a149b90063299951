"""What the tests of fraud's database have in common."""

import pytest

from chassis.database.engine import Database
from tests.conformance.fraud.watcher import Watcher


@pytest.fixture
def service_name() -> str:
    """The service whose database the tests get."""
    return "fraud"


@pytest.fixture
def watcher(database: Database) -> Watcher:
    """The fraud service of one tenant, fed with settled calls."""
    return Watcher(database, "acme")
