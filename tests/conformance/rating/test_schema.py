"""What a database of an earlier version knows is known after its upgrade."""

import importlib

from alembic.migration import MigrationContext
from alembic.operations import Operations

from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NOON, seconds_later


async def test_what_was_sealed_before_an_upgrade_stays_sealed(desk: Desk) -> None:
    """A late call is a correction, though its account had no column for seals."""
    await desk.collect(desk.call())
    await desk.seal()
    migration = importlib.import_module(
        "services.rating.store.migrations.versions.0005_seals_at_hand"
    )
    with (
        desk.database.engine.begin() as connection,
        Operations.context(MigrationContext.configure(connection)),
    ):
        migration.downgrade()
        migration.upgrade()
    await desk.collect(desk.call(start=seconds_later(NOON, 1)))
    newest, _ = await desk.charges()
    assert newest.correction
