"""What the tests of invoice's database have in common."""

from collections.abc import AsyncIterator

import pytest

from chassis.database.engine import Database
from chassis.grpc.client import connect
from chassis.settings import CommonSettings
from services.invoice.usecases.rating import Rating
from tests.conformance.invoice.office import Office
from tests.conformance.invoice.rating_book import RatingBook, served


@pytest.fixture
def service_name() -> str:
    """The service whose database the tests get."""
    return "invoice"


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    """The invoice service of one tenant, with a rating beside it."""
    # Rating has more methods than invoice asks for.
    book = RatingBook()  # type: ignore[abstract]
    async with served(book) as address:
        channel = connect(address, "tollbook.rating.v1", CommonSettings())
        yield Office(database, book, Rating(channel))
        await channel.close()
