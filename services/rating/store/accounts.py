"""What invoice and fraud have told about accounts: their terms, subscriptions and blocks."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum

from sqlalchemy import BindParameter, Connection, bindparam, select

from kernel.clock import to_micros
from kernel.period import BillingCycle
from services.rating.domain.account import Account, Subscription
from services.rating.store.rows import upsert_if_newer
from services.rating.store.schema import account, account_block, subscription


class Lock(Enum):
    """How the rows that a transaction reads are kept from changing until it ends."""

    NONE = 0
    SHARE = 1
    UPDATE = 2


# Asked for every batch of calls, so that they are made once.
_OF_ACCOUNTS: BindParameter[str] = bindparam("account_ids", expanding=True)
_ACCOUNTS = (
    select(account)
    .where(account.c.tenant_id == bindparam("tenant_id"), account.c.account_id.in_(_OF_ACCOUNTS))
    .order_by(account.c.account_id)
)
_SUBSCRIPTIONS = (
    select(
        subscription.c.account_id,
        subscription.c.plan_id,
        subscription.c.start_time,
        subscription.c.end_time,
    )
    .where(
        subscription.c.tenant_id == bindparam("tenant_id"),
        subscription.c.account_id.in_(_OF_ACCOUNTS),
    )
    .order_by(subscription.c.subscription_id)
)
_LOCKING = {
    Lock.NONE: _ACCOUNTS,
    Lock.SHARE: _ACCOUNTS.with_for_update(read=True),
    Lock.UPDATE: _ACCOUNTS.with_for_update(),
}


def save_account(
    connection: Connection, tenant_id: str, known: Account, change_time: datetime
) -> None:
    """Remember an account as it was at a time."""
    values = {
        "tenant_id": tenant_id,
        "account_id": known.account_id,
        "payer_account_id": known.payer_account_id,
        "reseller_account_id": known.reseller_account_id,
        "currency": known.currency,
        "time_zone": known.cycle.time_zone,
        "billing_day": known.cycle.billing_day,
        "start_time": known.start_time,
        "change_time": change_time,
    }
    upsert_if_newer(connection, account, values, account.c.change_time)


def accounts_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str], lock: Lock = Lock.NONE
) -> dict[str, Account]:
    """The known accounts among some ids; locks are taken in the order of ids."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    return {
        row.account_id: Account(
            row.account_id,
            row.payer_account_id,
            row.currency,
            BillingCycle(row.time_zone, row.billing_day),
            row.start_time,
            row.reseller_account_id,
        )
        for row in connection.execute(_LOCKING[lock], parameters)
    }


def accounts_paid_by(connection: Connection, tenant_id: str, payer_account_id: str) -> list[str]:
    """The accounts that one pays for, itself included."""
    table = account.c
    query = select(table.account_id).where(
        table.tenant_id == tenant_id, table.payer_account_id == payer_account_id
    )
    return list(connection.execute(query.order_by(table.account_id)).scalars())


def save_subscription(
    connection: Connection,
    tenant_id: str,
    subscription_id: str,
    account_id: str,
    plan_id: str,
    validity: tuple[datetime, datetime | None],
    change_time: datetime,
) -> None:
    """Remember a subscription as it was at a time."""
    values = {
        "tenant_id": tenant_id,
        "subscription_id": subscription_id,
        "account_id": account_id,
        "plan_id": plan_id,
        "start_time": validity[0],
        "end_time": validity[1],
        "change_time": change_time,
    }
    upsert_if_newer(connection, subscription, values, subscription.c.change_time)


def subscriptions_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, list[Subscription]]:
    """The subscriptions of some accounts."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    found: dict[str, list[Subscription]] = {}
    for account_id, plan_id, start, end in connection.execute(_SUBSCRIPTIONS, parameters):
        known = Subscription(plan_id, to_micros(start), to_micros(end) if end else None)
        found.setdefault(account_id, []).append(known)
    return found


def save_block(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    is_blocked: bool,
    reason: str,
    change_time: datetime,
) -> None:
    """Remember whether an account was blocked at a time."""
    values = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "is_blocked": int(is_blocked),
        "reason": reason,
        "change_time": change_time,
    }
    upsert_if_newer(connection, account_block, values, account_block.c.change_time)


def block_reasons(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, str]:
    """Why accounts are blocked; those that are not are left out."""
    table = account_block.c
    query = select(table.account_id, table.reason).where(
        table.tenant_id == tenant_id,
        table.account_id.in_(sorted(account_ids)),
        table.is_blocked == 1,
    )
    return {row.account_id: row.reason for row in connection.execute(query)}
