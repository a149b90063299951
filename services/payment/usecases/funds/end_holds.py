"""Ends holds that nobody has ended in time, and forgets what nobody asks for any more."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.funds.funds_book import expire_due
from services.payment.store.holds import due_holds, purge_holds
from services.payment.store.transfers import purge_transfers
from services.payment.usecases.funds.keep_funds_book import locked_book, store_book

# Holds that end in one transaction; whoever holds or captures waits that long.
HOLDS_MAX = 500
# As long as answers to other requests are kept: nobody repeats a step later.
RETENTION = timedelta(days=37)
PURGE_ROWS_MAX = 1_000

Purge = Callable[[Connection, datetime, int], int]

_logger = logging.getLogger(__name__)


async def expire_holds(database: Database, now: datetime) -> None:
    """Free the money of holds that are due; what cannot be ended is in nobody's way."""
    after = None
    while due := await database.read(partial(due_holds, now=now, after=after, limit=HOLDS_MAX)):
        by_tenant: dict[str, list[str]] = {}
        for hold in due:
            by_tenant.setdefault(hold.tenant_id, []).append(hold.hold_id)
        for tenant_id, hold_ids in by_tenant.items():
            await _expire(database, tenant_id, hold_ids, now)
        after = due[-1]


async def _expire(database: Database, tenant_id: str, hold_ids: list[str], now: datetime) -> None:
    work = partial(expire_of_tenant, tenant_id=tenant_id, hold_ids=hold_ids, now=now)
    try:
        await database.write(work)
    except DATABASE_ERRORS:
        raise
    except Exception:
        if len(hold_ids) == 1:
            _logger.exception("hold %s of %s cannot be ended for now", hold_ids[0], tenant_id)
            return
        for hold_id in hold_ids:
            await _expire(database, tenant_id, [hold_id], now)


def expire_of_tenant(
    unit_of_work: UnitOfWork, tenant_id: str, hold_ids: list[str], now: datetime
) -> None:
    """End the holds that are still open and due; another may have been quicker."""
    book = locked_book(unit_of_work, tenant_id, hold_ids)
    expire_due(book, now)
    store_book(unit_of_work, tenant_id, book)


async def purge_ended(database: Database, now: datetime) -> None:
    """Forget ended holds and executed steps of long ago, a few at a time."""
    before = now - RETENTION
    for purge in (purge_holds, purge_transfers):
        while await database.write(partial(_purge, purge, before)) == PURGE_ROWS_MAX:
            pass


def _purge(purge: Purge, before: datetime, unit_of_work: UnitOfWork) -> int:
    return purge(unit_of_work.connection, before, PURGE_ROWS_MAX)
