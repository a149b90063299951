"""Bundles that accounts have besides those of their plans."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from chassis.database.insert import insert_if_new
from kernel.clock import from_micros, to_micros
from services.rating.domain.account import BundleGrant
from services.rating.store.counter_schema import bundle_grant
from services.rating.store.plan_terms import allowance_from_json, allowance_to_json

_GRANTS = select(bundle_grant).where(bundle_grant.c.tenant_id == bindparam("tenant_id"))
_OF_ACCOUNTS = _GRANTS.where(
    bundle_grant.c.account_id.in_(bindparam("account_ids", expanding=True))
).order_by(bundle_grant.c.grant_id)


def insert_grant_if_new(
    connection: Connection, tenant_id: str, grant: BundleGrant, change_time: datetime
) -> bool:
    """Store a grant; False when its id is taken."""
    values = {
        "tenant_id": tenant_id,
        "grant_id": grant.grant_id,
        "account_id": grant.account_id,
        "allowance": json.dumps(allowance_to_json(grant.allowance)),
        "start_time": from_micros(grant.start_micros),
        "end_time": from_micros(grant.end_micros),
        "change_time": change_time,
    }
    return insert_if_new(connection, bundle_grant, values)


def grants_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, list[BundleGrant]]:
    """The grants of some accounts."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    found: dict[str, list[BundleGrant]] = {}
    for row in connection.execute(_OF_ACCOUNTS, parameters):
        found.setdefault(row.account_id, []).append(_from_row(row))
    return found


def list_grants(
    connection: Connection, tenant_id: str, account_id: str, after: str, limit: int
) -> list[BundleGrant]:
    """A page of an account's grants, in the order of their making."""
    table = bundle_grant.c
    query = _GRANTS.where(table.account_id == account_id, table.grant_id > after)
    page = query.order_by(table.grant_id).limit(limit)
    return [_from_row(row) for row in connection.execute(page, {"tenant_id": tenant_id})]


def _from_row(row: Row[Any]) -> BundleGrant:
    return BundleGrant(
        row.grant_id,
        row.account_id,
        allowance_from_json(json.loads(row.allowance)),
        to_micros(row.start_time),
        to_micros(row.end_time),
    )
