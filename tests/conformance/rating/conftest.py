"""Rating on a real database, fed with real events and asked through its real doors."""

from pathlib import Path

import pytest

from chassis.database.engine import Database
from services.rating.store.spool import Spool
from tests.conformance.rating.charging_desk import EURO, ChargingDesk, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.outage_replica import ALLOWING, FailingFunds, Replica
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


@pytest.fixture
def funds(purse: Purse) -> FailingFunds:
    """What payment is asked by."""
    return FailingFunds(purse)


@pytest.fixture
async def replica(desk: Desk, funds: FailingFunds, tmp_path: Path) -> Replica:
    """A replica that knows the desk's account, which may call on credit in an outage."""
    opened = Replica(desk, funds, Spool(tmp_path / "spool"))
    await opened.set_policy(ALLOWING)
    return opened
