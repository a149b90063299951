"""Changes a fraud rule."""

from collections.abc import Callable
from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from services.fraud.domain.errors import etag_mismatch, rule_not_found
from services.fraud.domain.rule import FraudRule, check_rule
from services.fraud.store.rules import lock_rule, update_rule
from services.fraud.store.windows import delete_steps_of_rule


def update_fraud_rule(
    uow: UnitOfWork,
    tenant_id: str,
    fraud_rule_id: str,
    etag: str,
    change: Callable[[FraudRule], FraudRule],
) -> FraudRule:
    """Store what `change` makes of a rule; its windows start empty when they measure otherwise.

    An empty etag means whatever version there is.

    Raises:
        DomainError: FRAUD_RULE_NOT_FOUND, ETAG_MISMATCH, INVALID_FRAUD_RULE.
    """
    known = lock_rule(uow.connection, tenant_id, fraud_rule_id)
    if known is None:
        raise rule_not_found(fraud_rule_id)
    if etag and etag != str(known.version):
        raise etag_mismatch(fraud_rule_id, etag)
    rule = replace(change(known), version=known.version + 1)
    check_rule(rule)
    update_rule(uow.connection, tenant_id, rule)
    if rule.basis != known.basis:
        delete_steps_of_rule(uow.connection, tenant_id, fraud_rule_id)
    return rule
