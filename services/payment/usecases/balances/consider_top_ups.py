"""Decides whether accounts top themselves up, and asks for the money if they do."""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.collections.collection import CollectionOrder, CollectionPurpose
from services.payment.domain.collections.payment_instrument import new_collection
from services.payment.domain.collections.top_up import TopUp
from services.payment.domain.funds.funds import Funds
from services.payment.domain.ledger.account import Account
from services.payment.store.accounts import account_of
from services.payment.store.collections import insert_collection, taken_by_top_ups
from services.payment.store.funds import funds_of
from services.payment.store.journal import take_turns
from services.payment.store.payment_instruments import get_instrument
from services.payment.store.top_up_policies import due_top_ups, save_top_up, top_ups_of

ACTOR = "payment"
# Read at once; each is looked at in a transaction of its own.
POLICIES_PER_PAGE = 500

_logger = logging.getLogger(__name__)


def consider_top_ups(unit_of_work: UnitOfWork, low: Sequence[Funds]) -> None:
    """Look at accounts of one tenant that have little left, in the turns of their partitions."""
    if not low:
        return
    by_id = {funds.account.account_id: funds for funds in low}
    tenant_id = low[0].account.tenant_id
    for account_id, top_up in top_ups_of(unit_of_work.connection, tenant_id, by_id).items():
        _consider(unit_of_work, by_id[account_id], top_up)


def consider_top_up(unit_of_work: UnitOfWork, account: Account) -> None:
    """Look at an account whose top-up policy has changed, in the turn of its partition."""
    consider_top_ups(unit_of_work, [funds_of(unit_of_work.connection, account)])


async def look_again(database: Database, now: datetime) -> None:
    """Look at the accounts whose top-up policies have waited until now."""
    after = None
    while due := await database.read(
        partial(due_top_ups, now=now, after=after, limit=POLICIES_PER_PAGE)
    ):
        for _, tenant_id, account_id in due:
            await _look(database, tenant_id, account_id)
        after = due[-1]


async def _look(database: Database, tenant_id: str, account_id: str) -> None:
    def work(unit_of_work: UnitOfWork) -> None:
        account = account_of(unit_of_work.connection, tenant_id, account_id)
        take_turns(unit_of_work.connection, [account.chain.partition])
        consider_top_up(unit_of_work, account)

    try:
        await database.write(work)
    except DATABASE_ERRORS:
        raise
    except Exception:
        _logger.exception("the top-up of %s/%s waits for now", tenant_id, account_id)


def _consider(unit_of_work: UnitOfWork, funds: Funds, top_up: TopUp) -> None:
    connection, now, account = unit_of_work.connection, unit_of_work.now, funds.account
    if top_up.waits(now):
        return
    next_time = None
    if top_up.is_low(funds.left_micros):
        taken = taken_by_top_ups(connection, account, now)
        next_time = top_up.limited_until(account, taken, now)
        if next_time is None:
            _begin(unit_of_work, account, top_up)
    if next_time != top_up.next_time:
        save_top_up(connection, account, top_up._replace(next_time=next_time))


def _begin(unit_of_work: UnitOfWork, account: Account, top_up: TopUp) -> None:
    policy, connection = top_up.policy, unit_of_work.connection
    instrument = get_instrument(connection, account.tenant_id, policy.instrument_id)
    order = CollectionOrder(account.account_id, policy.instrument_id, policy.amount)
    collection = new_collection(
        order, instrument, CollectionPurpose.TOP_UP, ACTOR, unit_of_work.now
    )
    insert_collection(connection, collection)
