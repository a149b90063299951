"""Queries on alerts."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from chassis.database.pages import Page, PageRequest, page_of
from services.fraud.domain.alert import Alert
from services.fraud.domain.rule import RuleKind
from services.fraud.domain.window import Evidence, Finding, split_keys
from services.fraud.store.schema import alert_table as table


def find_alert(
    connection: Connection, tenant_id: str, account_id: str, fraud_rule_id: str, finding: Finding
) -> Alert | None:
    """The newest alert whose episode shares calls with a finding."""
    query = (
        select(table)
        .filter_by(tenant_id=tenant_id, account_id=account_id, fraud_rule_id=fraud_rule_id)
        .where(table.c.episode_start_micros <= finding.end_micros)
        .where(table.c.episode_end_micros >= finding.start_micros)
        .order_by(table.c.alert_id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_alert(row)


def list_alerts(
    connection: Connection, tenant_id: str, account_id: str, page: PageRequest
) -> Page[Alert]:
    """A tenant's alerts, newest first; of one account unless that is empty."""
    query = select(table).filter_by(tenant_id=tenant_id)
    if account_id:
        query = query.filter_by(account_id=account_id)
    return page_of(connection, query, [table.c.alert_id], page, newest_first=True).mapped(_to_alert)


def insert_alert(connection: Connection, tenant_id: str, alert: Alert) -> None:
    """Store a new alert."""
    connection.execute(table.insert(), {"tenant_id": tenant_id, **_to_row(alert)})


def update_alert(connection: Connection, tenant_id: str, alert: Alert) -> None:
    """Store what an alert has grown to."""
    mine = (table.c.tenant_id == tenant_id, table.c.alert_id == alert.alert_id)
    connection.execute(update(table).where(*mine).values(_to_row(alert)))


def _to_row(alert: Alert) -> dict[str, Any]:
    evidence = alert.evidence
    return {
        "alert_id": alert.alert_id,
        "account_id": alert.account_id,
        "fraud_rule_id": alert.fraud_rule_id,
        "kind": int(alert.kind),
        "raise_time": alert.raise_time,
        "message": alert.message,
        "charge_ids": b"".join(evidence.charge_ids),
        "call_count": evidence.call_count,
        "spent_micros": evidence.spent_micros,
        "currency": alert.currency,
        "first_call_micros": evidence.first_call_micros,
        "last_call_micros": evidence.last_call_micros,
        "episode_start_micros": alert.episode_start_micros,
        "episode_end_micros": alert.episode_end_micros,
    }


def _to_alert(row: Row[Any]) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        account_id=row.account_id,
        fraud_rule_id=row.fraud_rule_id,
        kind=RuleKind(row.kind),
        raise_time=row.raise_time,
        message=row.message,
        evidence=Evidence(
            call_count=row.call_count,
            spent_micros=row.spent_micros,
            charge_ids=tuple(split_keys(row.charge_ids)),
            first_call_micros=row.first_call_micros,
            last_call_micros=row.last_call_micros,
        ),
        currency=row.currency,
        episode_start_micros=row.episode_start_micros,
        episode_end_micros=row.episode_end_micros,
    )
