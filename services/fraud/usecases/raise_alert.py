"""Raises an alert for a broken rule, or adds to the one that was raised."""

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_to_proto
from kernel.ids import new_uuid
from kernel.partition import partition_of
from services.fraud.domain.alert import Alert, describe, grow
from services.fraud.domain.block import AUTOMATIC_ACTOR
from services.fraud.domain.rule import FraudRule, RuleAction
from services.fraud.domain.window import Finding
from services.fraud.store.alerts import find_alert, insert_alert, update_alert
from services.fraud.usecases.block_account import block_account
from tollbook.fraud.v1.fraud_events_pb2 import AlertRaised
from tollbook.fraud.v1.fraud_pb2 import RuleKind


def raise_alert(
    uow: UnitOfWork,
    tenant_id: str,
    account_id: str,
    rule: FraudRule,
    finding: Finding,
    currency: str,
) -> None:
    """Make one alert of an account, rule and episode; block the account if the rule says so."""
    known = find_alert(uow.connection, tenant_id, account_id, rule.fraud_rule_id, finding)
    if known is None:
        alert = _new_alert(uow, account_id, rule, finding, currency)
        insert_alert(uow.connection, tenant_id, alert)
        _publish(uow, tenant_id, alert)
    else:
        alert = grow(known, rule, finding, currency)
        if alert != known:
            update_alert(uow.connection, tenant_id, alert)
    if rule.action is RuleAction.BLOCK:
        block_account(uow, tenant_id, account_id, alert.alert_id, AUTOMATIC_ACTOR)


def _new_alert(
    uow: UnitOfWork, account_id: str, rule: FraudRule, finding: Finding, currency: str
) -> Alert:
    return Alert(
        alert_id=new_uuid(),
        account_id=account_id,
        fraud_rule_id=rule.fraud_rule_id,
        kind=rule.kind,
        raise_time=uow.now,
        message=describe(rule, finding.evidence),
        evidence=finding.evidence,
        currency=currency,
        episode_start_micros=finding.start_micros,
        episode_end_micros=finding.end_micros,
    )


def _publish(uow: UnitOfWork, tenant_id: str, alert: Alert) -> None:
    event = AlertRaised(
        alert_id=alert.alert_id,
        account_id=alert.account_id,
        kind=RuleKind.ValueType(alert.kind),
        message=alert.message,
        raise_time=time_to_proto(alert.raise_time),
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, alert.account_id))
