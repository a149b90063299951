"""Takes back promotional credit that was not spent in time."""

import logging
from datetime import datetime
from functools import partial

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.adjustments.adjustment_rules import expiry_entries
from services.payment.domain.funds.promotion import expiring
from services.payment.domain.ledger.posting_rules import Cause
from services.payment.store.accounts import account_of
from services.payment.store.funds import locked_funds
from services.payment.store.journal import append_entries, take_turns
from services.payment.store.promotions import due_promotions, spend_promotions
from services.payment.usecases.balances.announce_balances import announce_balances

ACTOR = "payment"
# Read at once; what is to be taken back of them is written account by account.
PROMOTIONS_PER_PAGE = 500

_logger = logging.getLogger(__name__)


async def expire_promotions(database: Database, now: datetime) -> None:
    """Take back what has expired by now, but for what open holds rely on."""
    after = None
    while page := await database.read(
        partial(due_promotions, now=now, after=after, limit=PROMOTIONS_PER_PAGE)
    ):
        for tenant_id, account_id in sorted({(each.tenant_id, each.account_id) for each in page}):
            await _expire(database, tenant_id, account_id, now)
        after = page[-1].expire_time, page[-1].promotion_id


async def _expire(database: Database, tenant_id: str, account_id: str, now: datetime) -> None:
    work = partial(expire_of_account, tenant_id=tenant_id, account_id=account_id, now=now)
    try:
        await database.write(work)
    except DATABASE_ERRORS:
        raise
    except Exception:
        _logger.exception("expired credit of %s/%s stays for now", tenant_id, account_id)


def expire_of_account(
    unit_of_work: UnitOfWork, tenant_id: str, account_id: str, now: datetime
) -> None:
    """Take back what has expired of one account's credit, an entry for each promotion."""
    connection = unit_of_work.connection
    account = account_of(connection, tenant_id, account_id)
    take_turns(connection, [account.chain.partition])
    funds = locked_funds(connection, tenant_id, [account_id])[account_id]
    taken = expiring(funds.promotions, funds.held_micros, funds.spare_micros(), now)
    if not taken:
        return
    entries = [
        entry
        for promotion_id, amount in taken.items()
        for entry in expiry_entries(account, amount, Cause(promotion_id, ACTOR))[account.chain]
    ]
    append_entries(unit_of_work, account.chain, entries)
    spend_promotions(connection, tenant_id, {key: each.micros for key, each in taken.items()})
    announce_balances(unit_of_work, [account])
