"""Rating on a real database, fed with real events and asked through its real doors."""

import pytest

from chassis.database.engine import Database
from tests.conformance.rating.charging_desk import EURO, ChargingDesk, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.unit.rating.live_calls import Purse


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


@pytest.fixture
async def purse(desk: Desk) -> Purse:
    """The account of the desk has a euro."""
    return Purse({desk.account_id: EURO})


@pytest.fixture
async def charging(desk: Desk, purse: Purse) -> ChargingDesk:
    """A replica that charges the calls of the desk's account."""
    return ChargingDesk(desk, PurseFunds(purse))
