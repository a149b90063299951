"""Rating on a real database, fed with real events and asked through its real doors."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from chassis.database.engine import Database
from kernel.ids import new_uuid
from services.rating.store.schema import rate_deck
from services.rating.store.spool import Spool
from tests.conformance.rating.charging_desk import EURO, ChargingDesk, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.outage_replica import ALLOWING, FailingFunds, Replica
from tests.conftest import Contents, migrate_url
from tests.unit.rating.live_calls import Purse

ACCOUNT_ID, PLAN_ID = new_uuid(), new_uuid()


@pytest.fixture
def service_name() -> str:
    """The service whose schema the database has."""
    return "rating"


@pytest.fixture
def contents(request: pytest.FixtureRequest, contents: Contents) -> Contents:
    """The schema, and for tests at the desk what is set up there."""
    return Contents("desk", set_up_desk) if "at_the_desk" in request.fixturenames else contents


@pytest.fixture
def at_the_desk() -> None:
    """Asks for a database in which the desk is set up."""


def set_up_desk(url: str) -> None:
    """Fill a database once with what each test at the desk begins with."""
    migrate_url(url, "rating")
    database = Database.open(url)
    with ThreadPoolExecutor(1) as thread:  # the tests have the event loop of this one
        thread.submit(
            asyncio.run, Desk(database, account_id=ACCOUNT_ID, plan_id=PLAN_ID).set_up()
        ).result()
    database.close()


@pytest.fixture
async def desk(at_the_desk: None, database: Database) -> Desk:
    """A tenant with a deck, a plan and one subscribed account, called as its operator."""
    opened = Desk(database, account_id=ACCOUNT_ID, plan_id=PLAN_ID)
    opened.act()
    decks = select(rate_deck.c.rate_deck_id)
    opened.deck_id = await database.read(lambda found: found.execute(decks).scalar_one())
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
