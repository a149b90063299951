"""Draws a root over everything written up to a moment: each UTC day by itself, else when asked."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from kernel.partition import PARTITION_COUNT
from services.payment.domain.ledger.ledger_root import FIRST_START, NO_ROOT, ChainRoot, LedgerRoot
from services.payment.store.journal import take_turns
from services.payment.store.ledger_roots import (
    chains_with_heads,
    close_time,
    hashes_after,
    insert_root,
    newest_root,
)

Sign = Callable[[bytes], bytes]

_logger = logging.getLogger(__name__)


def unsigned(_root: bytes) -> bytes:
    """What stands for the signature where no key is configured."""
    return b""


async def close_ledger(database: Database, end_time: datetime, sign: Sign = unsigned) -> None:
    """Draw the root over what was written before a moment, unless that is covered already.

    First the moment is closed, which takes the turns of all writers for an instant; then nothing
    before it changes any more, and the root is drawn while they go on.
    """

    def close(unit_of_work: UnitOfWork) -> None:
        take_turns(unit_of_work.connection, range(PARTITION_COUNT))
        close_time(unit_of_work.connection, end_time)

    await database.write(close)
    while not await database.write(partial(_draw, end_time=end_time, sign=sign)):
        pass


async def close_past_days(database: Database, now: datetime, sign: Sign = unsigned) -> None:
    """Draw the root of each UTC day that has ended and has none yet, the oldest first."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    newest = await database.read(newest_root)
    last_end = newest[0].end_time if newest else midnight - timedelta(days=1)
    for end_time in _midnights(last_end, midnight):
        await close_ledger(database, end_time, sign)


async def close_until_now(database: Database, now: datetime, sign: Sign = unsigned) -> None:
    """Draw a root over everything, after those of the days that have ended without one."""
    await close_past_days(database, now, sign)
    await close_ledger(database, now, sign)


def _draw(unit_of_work: UnitOfWork, end_time: datetime, sign: Sign) -> bool:
    """Draw a root; False when another one was drawn at once, and this one has to follow that."""
    connection = unit_of_work.connection
    newest = newest_root(connection)
    start_time, previous = (newest[0].end_time, newest[1]) if newest else (FIRST_START, NO_ROOT)
    if end_time <= start_time:
        return True
    covered = {each.chain: each for each in newest[0].chains} if newest else {}
    chains = []
    for chain in chains_with_heads(connection):
        before = covered.get(chain) or ChainRoot.before_first(chain)
        now = before.after(hashes_after(connection, chain, before.sequence, end_time))
        if now.sequence:
            chains.append(now)
    root = LedgerRoot(start_time, end_time, previous, tuple(chains))
    root = replace(root, signature=sign(root.root))
    is_drawn = insert_root(connection, root)
    if is_drawn:
        unit_of_work.after_commit(partial(_tell, root))
    return is_drawn


def _tell(root: LedgerRoot) -> None:
    # Logs are kept elsewhere than the database: whoever changes that cannot change them.
    signature = root.signature.hex() or "none"
    _logger.info(
        "ledger root up to %s: %s, signature %s",
        root.end_time.isoformat(),
        root.root.hex(),
        signature,
    )


def _midnights(after: datetime, until: datetime) -> Iterator[datetime]:
    """Every midnight after a moment and not after another."""
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    while (midnight := midnight + timedelta(days=1)) <= until:
        yield midnight
