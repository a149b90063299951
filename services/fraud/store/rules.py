"""Queries on fraud rules."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from chassis.database.pages import Page, PageRequest, page_of
from kernel.money import Money
from services.fraud.domain.rule import FraudRule, RuleAction, RuleKind
from services.fraud.store.schema import fraud_rule_table as table

# For every batch; made anew each time, it would cost three times as much.
_ENABLED_RULES = (
    select(table)
    .where(table.c.tenant_id == bindparam("tenant_id"), table.c.enabled)
    .order_by(table.c.fraud_rule_id)
    .with_for_update(read=True)
)


def lock_enabled_rules(connection: Connection, tenant_id: str) -> list[FraudRule]:
    """The rules in force; they stay as they are until this transaction ends."""
    rows = connection.execute(_ENABLED_RULES, {"tenant_id": tenant_id})
    return [_to_rule(row) for row in rows]


def lock_rule(connection: Connection, tenant_id: str, fraud_rule_id: str) -> FraudRule | None:
    """A rule, about to be changed."""
    query = select(table).filter_by(tenant_id=tenant_id, fraud_rule_id=fraud_rule_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else _to_rule(row)


def count_rules(connection: Connection, tenant_id: str) -> int:
    """How many rules a tenant has."""
    query = select(func.count()).select_from(table).filter_by(tenant_id=tenant_id)
    return connection.execute(query).scalar_one()


def list_rules(connection: Connection, tenant_id: str, page: PageRequest) -> Page[FraudRule]:
    """A tenant's rules by id."""
    query = select(table).filter_by(tenant_id=tenant_id)
    return page_of(connection, query, [table.c.fraud_rule_id], page).mapped(_to_rule)


def insert_rule(connection: Connection, tenant_id: str, rule: FraudRule) -> bool:
    """Store a new rule; False when its id is taken."""
    try:
        with connection.begin_nested():
            connection.execute(table.insert(), {"tenant_id": tenant_id, **_to_row(rule)})
    except IntegrityError:
        return False
    return True


def update_rule(connection: Connection, tenant_id: str, rule: FraudRule) -> None:
    """Store a locked rule's new values."""
    mine = (table.c.tenant_id == tenant_id, table.c.fraud_rule_id == rule.fraud_rule_id)
    connection.execute(update(table).where(*mine).values(_to_row(rule)))


def _to_row(rule: FraudRule) -> dict[str, Any]:
    return {
        "fraud_rule_id": rule.fraud_rule_id,
        "kind": int(rule.kind),
        "window_minutes": rule.window // timedelta(minutes=1),
        "limit_currency": rule.currency,
        "limit_micros": rule.amount_limit.micros if rule.amount_limit else None,
        "count_limit": rule.count_limit,
        "action": int(rule.action),
        "enabled": rule.enabled,
        "version": rule.version,
    }


def _to_rule(row: Row[Any]) -> FraudRule:
    has_amount = row.limit_currency is not None
    return FraudRule(
        fraud_rule_id=row.fraud_rule_id,
        kind=RuleKind(row.kind),
        window=timedelta(minutes=row.window_minutes),
        amount_limit=Money(row.limit_currency, row.limit_micros) if has_amount else None,
        count_limit=row.count_limit,
        action=RuleAction(row.action),
        enabled=row.enabled,
        version=row.version,
    )
