"""Charging policies of accounts, and the one of a tenant for all others."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from chassis.database.insert import upsert
from services.rating.domain.charging.answer import WhenExhausted
from services.rating.domain.charging.policy import ChargingPolicy, OutageRule
from services.rating.store.charging_schema import charging_policy

_OF_ACCOUNTS = select(charging_policy).where(
    charging_policy.c.tenant_id == bindparam("tenant_id"),
    charging_policy.c.account_id.in_(bindparam("account_ids", expanding=True)),
)


class StoredPolicy(NamedTuple):
    """A policy as it is kept."""

    account_id: str
    policy: ChargingPolicy
    update_time: datetime | None
    """None for the standard policy, which nobody has set."""


def set_policy(connection: Connection, tenant_id: str, stored: StoredPolicy) -> None:
    """Keep a policy in place of the one there was."""
    policy = stored.policy
    values = {
        "tenant_id": tenant_id,
        "account_id": stored.account_id,
        "open_seconds": policy.open_seconds,
        "extend_seconds": policy.extend_seconds,
        "ask_again_lead_seconds": policy.ask_again_lead_seconds,
        "validity_seconds": policy.validity_seconds,
        "grace_seconds": policy.grace_seconds,
        "when_exhausted": int(policy.when_exhausted),
        "outage_rule": int(policy.outage_rule),
        "outage_seconds": policy.outage_seconds,
        "update_time": stored.update_time,
    }
    upsert(connection, charging_policy, values)


def delete_policy(connection: Connection, tenant_id: str, account_id: str) -> bool:
    """Remove a policy; tells whether there was one."""
    table = charging_policy.c
    removal = delete(charging_policy).where(
        table.tenant_id == tenant_id, table.account_id == account_id
    )
    return connection.execute(removal).rowcount > 0


def policies_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, ChargingPolicy]:
    """The policies of those among some accounts that have one of their own."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    rows = connection.execute(_OF_ACCOUNTS, parameters)
    return {row.account_id: _policy(row) for row in rows}


def list_policies(
    connection: Connection, tenant_id: str, after: str | None, limit: int
) -> list[StoredPolicy]:
    """A page of the tenant's policies, its own first, then by account."""
    table = charging_policy.c
    query = select(charging_policy).where(table.tenant_id == tenant_id)
    if after is not None:
        query = query.where(table.account_id > after)
    rows = connection.execute(query.order_by(table.account_id).limit(limit))
    return [StoredPolicy(row.account_id, _policy(row), row.update_time) for row in rows]


def stored_policy(connection: Connection, tenant_id: str, account_id: str) -> StoredPolicy | None:
    """An account's own policy, or the tenant's; None when there is none."""
    parameters = {"tenant_id": tenant_id, "account_ids": [account_id]}
    row = connection.execute(_OF_ACCOUNTS, parameters).one_or_none()
    return None if row is None else StoredPolicy(account_id, _policy(row), row.update_time)


def _policy(row: Any) -> ChargingPolicy:
    return ChargingPolicy(
        open_seconds=row.open_seconds,
        extend_seconds=row.extend_seconds,
        ask_again_lead_seconds=row.ask_again_lead_seconds,
        validity_seconds=row.validity_seconds,
        grace_seconds=row.grace_seconds,
        when_exhausted=WhenExhausted(row.when_exhausted),
        outage_rule=OutageRule(row.outage_rule),
        outage_seconds=row.outage_seconds,
    )
