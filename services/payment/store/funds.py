"""The funds of accounts: their balances, what is held of them and how much they may spend."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from chassis.database.insert import insert_into
from services.payment.domain.account import Account
from services.payment.domain.funds import Funds, Policy, Spend
from services.payment.store.funds_schema import funds_policy_table, funds_table
from services.payment.store.ledger_accounts import balances_of
from services.payment.store.promotions import promotions_of

_funds = funds_table.c
_policy = funds_policy_table.c

_LOCK = (
    select(_funds.account_id, _funds.held_micros)
    .where(
        _funds.tenant_id == bindparam("tenant_id"),
        _funds.account_id.in_(bindparam("account_ids", expanding=True)),
    )
    .order_by(_funds.account_id)
    .with_for_update()
)
_POLICIES = select(funds_policy_table).where(
    _policy.tenant_id == bindparam("tenant_id"),
    _policy.account_id.in_(bindparam("account_ids", expanding=True)),
)


def locked_funds(
    connection: Connection, tenant_id: str, accounts: Iterable[Account]
) -> dict[str, Funds]:
    """The funds of a tenant's accounts, which nobody else changes until the commit."""
    wanted = list(accounts)
    held = _lock(connection, tenant_id, [account.account_id for account in wanted])
    keys = {"tenant_id": tenant_id, "account_ids": list(held)}
    policies = {row.account_id: row for row in connection.execute(_POLICIES, keys)}
    promotions = promotions_of(connection, tenant_id, held)
    found = {}
    for account, balance in zip(wanted, balances_of(connection, wanted), strict=True):
        account_id = account.account_id
        own = balance.wallet + balance.promotion - balance.unbilled - balance.receivable
        found[account_id] = Funds(
            account,
            own.micros,
            held[account_id],
            *_policy_of(policies.get(account_id)),
            tuple(promotions[account_id]),
        )
    return found


def available_micros(connection: Connection, account: Account, now: datetime) -> int | None:
    """What is left of an account for new holds, which wait until the commit; None: no limit."""
    funds = locked_funds(connection, account.tenant_id, [account])
    return funds[account.account_id].available_micros(now)


def spare_micros(connection: Connection, account: Account) -> int | None:
    """What no hold of an account relies on; new ones wait until the commit. None: no limit."""
    funds = locked_funds(connection, account.tenant_id, [account])
    return funds[account.account_id].spare_micros()


def _lock(connection: Connection, tenant_id: str, account_ids: list[str]) -> dict[str, int]:
    """Lock the rows of accounts, made where they are missing, and return what they hold."""
    keys = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    rows = [
        {"tenant_id": tenant_id, "account_id": account_id, "held_micros": 0}
        for account_id in keys["account_ids"]
    ]
    connection.execute(insert_into(connection, funds_table).on_conflict_do_nothing(), rows)
    return {row.account_id: row.held_micros for row in connection.execute(_LOCK, keys)}


def _policy_of(row: Row[Any] | None) -> tuple[Policy, Spend]:
    if row is None:
        return Policy(), Spend()
    limits = (row.credit_limit_micros, row.daily_cap_micros, row.monthly_cap_micros)
    spend = (row.spend_day, row.spend_day_micros, row.spend_month, row.spend_month_micros)
    return Policy(*limits), Spend(*spend)
