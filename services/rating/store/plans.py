"""Plans and their revisions."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from chassis.database.insert import insert_if_new
from kernel.rounding import RoundingMode
from services.rating.domain.plans.plan import Plan, PlanRevision
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.store.plan_terms import terms_from_json, terms_to_json
from services.rating.store.schema import plan, plan_revision


def insert_plan_if_new(connection: Connection, tenant_id: str, new: Plan) -> bool:
    """Store a plan; False when its code or id is taken."""
    values = {
        "tenant_id": tenant_id,
        "plan_id": new.plan_id,
        "code": new.code,
        "display_name": new.display_name,
        "currency": new.currency,
        "create_time": new.create_time,
    }
    return insert_if_new(connection, plan, values)


def plan_of(connection: Connection, tenant_id: str, plan_id: str) -> Plan | None:
    """One plan."""
    query = _plans(tenant_id).where(plan.c.plan_id == plan_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _plan_from_row(row)


def set_plan_name(connection: Connection, tenant_id: str, plan_id: str, display_name: str) -> None:
    """Change what people read of a plan."""
    table = plan.c
    connection.execute(
        update(plan)
        .where(table.tenant_id == tenant_id, table.plan_id == plan_id)
        .values(display_name=display_name)
    )


def list_plans(connection: Connection, tenant_id: str, after_code: str, limit: int) -> list[Plan]:
    """A page of plans by code."""
    query = _plans(tenant_id).where(plan.c.code > after_code).order_by(plan.c.code).limit(limit)
    return [_plan_from_row(row) for row in connection.execute(query)]


def insert_revision(
    connection: Connection, tenant_id: str, revision: PlanRevision, create_time: datetime
) -> None:
    """Store new terms of a plan."""
    values = {
        "tenant_id": tenant_id,
        "plan_id": revision.plan_id,
        "revision": revision.revision,
        "plan_revision_id": revision.plan_revision_id,
        "effective_time": revision.effective_time,
        "rate_deck_ids": json.dumps(revision.rate_deck_ids),
        "duration_rounding": revision.duration_rounding,
        "price_rounding": revision.price_rule.mode.value,
        "price_decimals": revision.price_rule.decimals,
        "monthly_fee_micros": revision.monthly_fee_micros,
        "terms": terms_to_json(revision),
        "create_time": create_time,
    }
    connection.execute(plan_revision.insert(), values)


def latest_revisions(
    connection: Connection, tenant_id: str, plan_ids: Sequence[str]
) -> dict[str, PlanRevision]:
    """The newest terms of some plans; plans without terms are left out."""
    table = plan_revision.c
    newest = (
        select(table.plan_id, func.max(table.revision).label("revision"))
        .where(table.tenant_id == tenant_id, table.plan_id.in_(plan_ids))
        .group_by(table.plan_id)
        .subquery()
    )
    query = (
        select(plan_revision)
        .join(
            newest,
            (table.plan_id == newest.c.plan_id) & (table.revision == newest.c.revision),
        )
        .where(table.tenant_id == tenant_id)
    )
    return {row.plan_id: _revision_from_row(row) for row in connection.execute(query)}


def revision_of(
    connection: Connection, tenant_id: str, plan_revision_id: str
) -> PlanRevision | None:
    """One revision, of whichever plan."""
    query = _revisions(tenant_id).where(plan_revision.c.plan_revision_id == plan_revision_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _revision_from_row(row)


def list_revisions(
    connection: Connection, tenant_id: str, plan_id: str, before: int | None, limit: int
) -> list[PlanRevision]:
    """A page of a plan's revisions, the newest first."""
    table = plan_revision.c
    query = _revisions(tenant_id).where(table.plan_id == plan_id)
    if before is not None:
        query = query.where(table.revision < before)
    rows = connection.execute(query.order_by(table.revision.desc()).limit(limit))
    return [_revision_from_row(row) for row in rows]


def all_plans(connection: Connection, tenant_id: str) -> list[Plan]:
    """Every plan of a tenant."""
    return [_plan_from_row(row) for row in connection.execute(_plans(tenant_id))]


def all_revisions(connection: Connection, tenant_id: str) -> list[PlanRevision]:
    """Every revision of every plan of a tenant."""
    return [_revision_from_row(row) for row in connection.execute(_revisions(tenant_id))]


def _revisions(tenant_id: str) -> Select[Any]:
    return select(plan_revision).where(plan_revision.c.tenant_id == tenant_id)


def _plans(tenant_id: str) -> Select[Any]:
    return select(plan).where(plan.c.tenant_id == tenant_id)


def _plan_from_row(row: Row[Any]) -> Plan:
    return Plan(row.plan_id, row.code, row.display_name, row.currency, row.create_time)


def _revision_from_row(row: Row[Any]) -> PlanRevision:
    return PlanRevision(
        plan_revision_id=row.plan_revision_id,
        plan_id=row.plan_id,
        revision=row.revision,
        effective_time=row.effective_time,
        rate_deck_ids=tuple(json.loads(row.rate_deck_ids)),
        duration_rounding=DurationRounding(row.duration_rounding),
        price_rule=PriceRule(RoundingMode(row.price_rounding), row.price_decimals),
        monthly_fee_micros=row.monthly_fee_micros,
        **terms_from_json(row.terms),
    )
