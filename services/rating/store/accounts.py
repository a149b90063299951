"""What invoice and fraud have told about accounts: their terms, subscriptions and blocks."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select, update

from chassis.database.direct import Direct
from chassis.database.insert import upsert
from kernel.clock import from_micros, to_micros
from kernel.period import BillingCycle
from services.rating.domain.account import Account, Subscription
from services.rating.store.schema import account, account_block, account_change, subscription


class Lock(Enum):
    """How accounts are kept from being sealed until a transaction ends.

    What invoice tells of an account meanwhile (`CHANGE`) waits for no `SHARE`, nor `SHARE` for it:
    a consumer hears of accounts between records, and charging wants accounts before counters.
    """

    SHARE = 1
    CHANGE = 2
    UPDATE = 3


class HeldAccount(NamedTuple):
    """An account that is locked, with what is noted of it."""

    account: Account
    sealed_until: datetime | None
    """Up to when its periods are sealed."""
    change_micros: int | None
    """When anything that pricing knows of it changed last."""


# Asked for every batch of calls, so that they are made once.
_OF_ACCOUNTS: BindParameter[str] = bindparam("account_ids", expanding=True)
_ACCOUNTS = (
    select(
        account.c.account_id,
        account.c.payer_account_id,
        account.c.currency,
        account.c.time_zone,
        account.c.billing_day,
        account.c.start_time,
        account.c.reseller_account_id,
    )
    .where(account.c.tenant_id == bindparam("tenant_id"), account.c.account_id.in_(_OF_ACCOUNTS))
    .order_by(account.c.account_id)
)
_CHANGED = (
    select(account_change.c.change_time)
    .where(
        account_change.c.tenant_id == account.c.tenant_id,
        account_change.c.account_id == account.c.account_id,
    )
    .scalar_subquery()
)
# The seal is in the locked row itself: a statement that waits for the lock sees its new value.
_HELD = _ACCOUNTS.add_columns(account.c.sealed_until, _CHANGED)
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
_FIND_ACCOUNTS = Direct(_ACCOUNTS)
_HOLD_ACCOUNTS = {
    Lock.SHARE: Direct(_HELD.with_for_update(read=True, key_share=True)),
    Lock.CHANGE: Direct(_HELD.with_for_update(key_share=True)),
    Lock.UPDATE: Direct(_HELD.with_for_update()),
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
    upsert(connection, account, values, newest_by=account.c.change_time)


def accounts_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, Account]:
    """The known accounts among some ids."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    return {row[0]: _account(*row) for row in _FIND_ACCOUNTS.rows(connection, parameters)}


def any_account_id(connection: Connection, tenant_id: str) -> str | None:
    """One of a tenant's accounts, if it has any."""
    query = select(account.c.account_id).where(account.c.tenant_id == tenant_id).limit(1)
    return connection.execute(query).scalar()


def hold_accounts(
    connection: Connection, tenant_id: str, account_ids: Collection[str], lock: Lock
) -> dict[str, HeldAccount]:
    """The known accounts among some ids; locks are taken in the order of ids."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    return {
        fields[0]: HeldAccount(_account(*fields), _moment(sealed), change)
        for *fields, sealed, change in _HOLD_ACCOUNTS[lock].rows(connection, parameters)
    }


def note_seal(
    connection: Connection, tenant_id: str, account_id: str, sealed_until: datetime
) -> None:
    """Remember up to when the periods of an account that is locked are sealed."""
    connection.execute(
        update(account)
        .where(account.c.tenant_id == tenant_id, account.c.account_id == account_id)
        .values(sealed_until=sealed_until)
    )


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
    upsert(connection, subscription, values, newest_by=subscription.c.change_time)


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
    upsert(connection, account_block, values, newest_by=account_block.c.change_time)


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


def _account(
    account_id: str,
    payer_id: str,
    currency: str,
    time_zone: str,
    billing_day: int,
    start_micros: int,
    reseller_id: str,
) -> Account:
    cycle = BillingCycle(time_zone, billing_day)
    return Account(account_id, payer_id, currency, cycle, from_micros(start_micros), reseller_id)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
