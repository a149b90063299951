"""How accounts top themselves up, and how that stands."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, exists, select, tuple_

from chassis.database.insert import upsert
from kernel.money import Money
from services.payment.domain.collections.top_up import TopUp, TopUpPolicy
from services.payment.domain.ledger.account import Account
from services.payment.store.collection_schema import (
    PENDING,
    TOP_UP,
    collection_table,
    top_up_policy_table,
)
from services.payment.store.funds_policies import NO_POLICY, policies_of, save_policy

_columns = top_up_policy_table.c
_collection = collection_table.c

_IS_PENDING = exists().where(
    _collection.tenant_id == _columns.tenant_id,
    _collection.account_id == _columns.account_id,
    _collection.state == PENDING,
    _collection.purpose == TOP_UP,
)


class DueTopUp(NamedTuple):
    """The time until which a policy has waited, and whose it is."""

    next_time: datetime
    tenant_id: str
    account_id: str


def top_ups_of(
    connection: Connection, tenant_id: str, account_ids: Iterable[str]
) -> dict[str, TopUp]:
    """How accounts top themselves up, as far as they do."""
    query = select(top_up_policy_table, _IS_PENDING.label("is_pending")).where(
        _columns.tenant_id == tenant_id, _columns.account_id.in_(list(account_ids))
    )
    return {row.account_id: _top_up(row) for row in connection.execute(query)}


def due_top_ups(
    connection: Connection, now: datetime, after: DueTopUp | None, limit: int
) -> list[DueTopUp]:
    """Policies that were to be looked at again by now, the longest first, behind a place."""
    key = (_columns.next_time, _columns.tenant_id, _columns.account_id)
    query = select(*key).where(_columns.next_time <= now)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after, types=[column.type for column in key]))
    return [DueTopUp(*row) for row in connection.execute(query.order_by(*key).limit(limit))]


def save_top_up(connection: Connection, account: Account, top_up: TopUp) -> None:
    """Store how an account tops itself up, and when postings call for it; in its partition's turn.

    What is pending is known by its collection.
    """
    policy = top_up.policy
    daily, monthly = policy.daily_limit, policy.monthly_limit
    values = {
        "tenant_id": account.tenant_id,
        "account_id": account.account_id,
        "instrument_id": policy.instrument_id,
        "currency": policy.amount.currency,
        "threshold_micros": policy.threshold.micros,
        "amount_micros": policy.amount.micros,
        "daily_limit_micros": None if daily is None else daily.micros,
        "monthly_limit_micros": None if monthly is None else monthly.micros,
        "decline_count": top_up.decline_count,
        "suspend_reason": top_up.suspend_reason,
        "next_time": top_up.next_time,
    }
    upsert(connection, top_up_policy_table, values)
    _save_trigger(connection, account.tenant_id, account.account_id, top_up.trigger_micros)


def remove_top_up(connection: Connection, tenant_id: str, account_id: str) -> None:
    """Forget how an account tops itself up, in the turn of its partition."""
    is_ours = (_columns.tenant_id == tenant_id, _columns.account_id == account_id)
    connection.execute(delete(top_up_policy_table).where(*is_ours))
    _save_trigger(connection, tenant_id, account_id, None)


def _save_trigger(
    connection: Connection, tenant_id: str, account_id: str, micros: int | None
) -> None:
    kept = policies_of(connection, tenant_id, [account_id]).get(account_id, NO_POLICY)
    if kept.top_up_below_micros != micros:
        changed = kept._replace(top_up_below_micros=micros)
        save_policy(connection, tenant_id, account_id, changed)


def _top_up(row: Row[Any]) -> TopUp:
    def money(micros: int) -> Money:
        return Money(row.currency, micros)

    daily, monthly = row.daily_limit_micros, row.monthly_limit_micros
    policy = TopUpPolicy(
        instrument_id=row.instrument_id,
        threshold=money(row.threshold_micros),
        amount=money(row.amount_micros),
        daily_limit=None if daily is None else money(daily),
        monthly_limit=None if monthly is None else money(monthly),
    )
    return TopUp(policy, row.decline_count, row.suspend_reason, row.next_time, row.is_pending)
