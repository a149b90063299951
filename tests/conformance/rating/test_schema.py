"""What a database of an earlier version knows is known after its upgrade."""

import importlib

from alembic.migration import MigrationContext
from alembic.operations import Operations

from chassis.database.engine import Database
from services.rating.domain.charging.offline import CLOSE_SEQUENCE
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.outage_replica import Replica, hanging
from tests.conformance.rating.records import NOON, seconds_later


def upgrade_again(database: Database, name: str) -> None:
    """Take a migration back and upgrade by it."""
    migration = importlib.import_module(f"services.rating.store.migrations.versions.{name}")
    with (
        database.engine.begin() as connection,
        Operations.context(MigrationContext.configure(connection)),
    ):
        migration.downgrade()
        migration.upgrade()


async def test_the_answers_of_an_outage_outlive_an_upgrade(replica: Replica) -> None:
    """Two calls had one id, one after the other; the former version knew the first."""
    with hanging(replica.desk.database):
        for call_key in ("first", "second"):
            await replica.open("s", call_key=call_key)
            await replica.close("s", 10)
    await replica.records.feed()
    answers = await replica.recorded()
    assert [sequence for _, sequence, *_ in answers] == [0, CLOSE_SEQUENCE] * 2
    upgrade_again(replica.desk.database, "0006_reused_ids")
    assert await replica.recorded() == answers[:2]


async def test_what_was_sealed_before_an_upgrade_stays_sealed(desk: Desk) -> None:
    """A late call is a correction, though its account had no column for seals."""
    await desk.collect(desk.call())
    await desk.seal()
    upgrade_again(desk.database, "0005_seals_at_hand")
    await desk.collect(desk.call(start=seconds_later(NOON, 1)))
    newest, _ = await desk.charges()
    assert newest.correction
