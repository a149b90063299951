"""Lays down how much an account may spend, and shows what it has."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.funds.funds import Funds, Spend
from services.payment.domain.funds.funds_policy import PolicyChange
from services.payment.domain.ledger.account import Account
from services.payment.store.accounts import account_of
from services.payment.store.entries import usage_since
from services.payment.store.funds import funds_of, locked_funds
from services.payment.store.funds_policies import (
    NO_POLICY,
    KeptPolicy,
    policies_of,
    save_policy,
)
from services.payment.store.journal import take_turns
from services.payment.usecases.balances.consider_top_ups import consider_top_ups
from services.payment.usecases.balances.watch_funds import tell_crossings


class FundsView(NamedTuple):
    """What an account has and may spend."""

    funds: Funds
    kept: KeptPolicy
    now: datetime


def show_funds(connection: Connection, tenant_id: str, account_id: str, now: datetime) -> FundsView:
    """What an account has. Raises UNKNOWN_ACCOUNT, NOT_A_PAYER."""
    account = account_of(connection, tenant_id, account_id)
    account.require_payer()
    kept = policies_of(connection, tenant_id, [account_id]).get(account_id, NO_POLICY)
    return FundsView(funds_of(connection, account), kept, now)


def lay_down_policy(
    unit_of_work: UnitOfWork, tenant_id: str, account_id: str, change: PolicyChange
) -> FundsView:
    """Change a policy; thresholds and top-ups are looked at anew, holds stay as they are.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH.
    """
    connection = unit_of_work.connection
    account = account_of(connection, tenant_id, account_id)
    account.require_payer()
    change.require_currency(account)
    take_turns(connection, [account.chain.partition])
    funds = locked_funds(connection, tenant_id, [account_id])[account_id]
    former = policies_of(connection, tenant_id, [account_id]).get(account_id, NO_POLICY)
    policy = change.of(former.policy)
    # Without caps nothing was counted: the journal tells what was spent until now.
    spend = _spend(connection, account, unit_of_work.now) if policy.has_caps else Spend()
    kept = former._replace(
        policy=policy, thresholds=change.thresholds_after(former.thresholds), spend=spend
    )
    funds = funds._replace(policy=policy, spend=spend)
    kept = tell_crossings(unit_of_work, funds, kept)
    save_policy(connection, tenant_id, account_id, kept)
    if kept.calls_for_top_up(funds.left_micros):
        consider_top_ups(unit_of_work, [funds])
    return FundsView(funds, kept, unit_of_work.now)


def _spend(connection: Connection, account: Account, now: datetime) -> Spend:
    today = account.local_date(now)
    midnight, first = account.midnight(today), account.midnight(today.replace(day=1))
    return (
        Spend()
        .on(today)
        ._replace(
            day_micros=usage_since(connection, account, midnight),
            month_micros=usage_since(connection, account, first),
        )
    )
