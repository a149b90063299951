"""Creates a fraud rule."""

from chassis.database.unit_of_work import UnitOfWork
from services.fraud.domain.errors import rule_exists, too_many_rules
from services.fraud.domain.rule import RULES_PER_TENANT_MAX, FraudRule, check_rule
from services.fraud.store.rules import count_rules, insert_rule


def create_fraud_rule(uow: UnitOfWork, tenant_id: str, rule: FraudRule) -> FraudRule:
    """Put a rule in force for calls that arrive from now on.

    Raises:
        DomainError: INVALID_FRAUD_RULE, FRAUD_RULE_EXISTS, TOO_MANY_FRAUD_RULES.
    """
    check_rule(rule)
    if count_rules(uow.connection, tenant_id) >= RULES_PER_TENANT_MAX:
        raise too_many_rules(RULES_PER_TENANT_MAX)
    if not insert_rule(uow.connection, tenant_id, rule):
        raise rule_exists(rule.fraud_rule_id)
    return rule
