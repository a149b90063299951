"""Draws a root over everything written up to a moment: each UTC day by itself, else when asked."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chassis.database.engine import Database
from kernel.partition import PARTITION_COUNT
from services.payment.domain.ledger_root import FIRST_START, NO_ROOT, ChainRoot, LedgerRoot
from services.payment.store.journal import take_turns
from services.payment.store.ledger_roots import (
    chains_with_heads,
    close_time,
    hashes_after,
    insert_root,
    newest_root,
)

_logger = logging.getLogger(__name__)


async def close_ledger(database: Database, end_time: datetime) -> None:
    """Draw the root over what was written before a moment, unless that is covered already.

    First the moment is closed, which takes the turns of all writers for an instant; then nothing
    before it changes any more, and the root is drawn while they go on.
    """

    def close(connection: Connection) -> None:
        take_turns(connection, range(PARTITION_COUNT))
        close_time(connection, end_time)

    await database.write(lambda unit_of_work: close(unit_of_work.connection))
    drawn = await database.write(lambda unit_of_work: _draw(unit_of_work.connection, end_time))
    if drawn is not None:
        # The logs are kept elsewhere than the database: whoever changes that cannot change this.
        _logger.info("ledger root up to %s: %s", drawn.end_time.isoformat(), drawn.root.hex())


async def close_past_days(database: Database, now: datetime) -> None:
    """Draw the root of each UTC day that has ended and has none yet, the oldest first."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    newest = await database.read(newest_root)
    last_end = newest[0].end_time if newest else midnight - timedelta(days=1)
    for end_time in _midnights(last_end, midnight):
        await close_ledger(database, end_time)


def _draw(connection: Connection, end_time: datetime) -> LedgerRoot | None:
    newest = newest_root(connection)
    start_time, previous = (newest[0].end_time, newest[1]) if newest else (FIRST_START, NO_ROOT)
    if end_time <= start_time:
        return None
    covered = {each.chain: each for each in newest[0].chains} if newest else {}
    chains = []
    for chain in chains_with_heads(connection):
        before = covered.get(chain) or ChainRoot.before_first(chain)
        now = before.after(hashes_after(connection, chain, before.sequence, end_time))
        if now.sequence:
            chains.append(now)
    root = LedgerRoot(start_time, end_time, previous, tuple(chains))
    return root if insert_root(connection, root) else None


def _midnights(after: datetime, until: datetime) -> Iterator[datetime]:
    """Every midnight after a moment and not after another."""
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    while (midnight := midnight + timedelta(days=1)) <= until:
        yield midnight
