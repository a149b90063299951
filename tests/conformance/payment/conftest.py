"""The books of payment on a real database, fed with real events."""

import pytest

from chassis.database.engine import Database
from tests.conformance.payment.books import Books


@pytest.fixture
def service_name() -> str:
    """The service whose schema the database has."""
    return "payment"


@pytest.fixture
def books(database: Database) -> Books:
    """Empty books."""
    return Books(database)
