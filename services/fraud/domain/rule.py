"""Fraud rules: what is measured, over which window, and how much is too much."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from kernel.errors import FieldViolation
from kernel.money import Money
from services.fraud.domain.errors import invalid_rule

RULES_PER_TENANT_MAX = 100
WINDOW_MIN = timedelta(minutes=1)
WINDOW_MAX = timedelta(hours=24)
COUNT_LIMIT_MAX = 2**32 - 1
# Times the minutes of the longest call (see calls.py) it still fits 64 bits.
PRICE_LIMIT_MICROS_MAX = 10**14

# A window moves in steps of a twelfth of it.
STEPS_PER_WINDOW = 12


class RuleKind(IntEnum):
    """What a rule measures; the numbers are those of the contract and of the database."""

    SPEND_VELOCITY = 1
    DEAR_DESTINATION = 2
    CALL_VELOCITY = 3


class RuleAction(IntEnum):
    """What happens when a rule is broken."""

    ALERT = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True)
class FraudRule:
    """One rule of a tenant; the currency of `amount_limit` says which accounts it is for."""

    fraud_rule_id: str
    kind: RuleKind
    window: timedelta
    amount_limit: Money | None
    count_limit: int
    action: RuleAction
    enabled: bool
    version: int = 1

    @property
    def step_micros(self) -> int:
        """The length of a step in microseconds."""
        return self.window // STEPS_PER_WINDOW // timedelta(microseconds=1)

    @property
    def price_limit_micros(self) -> int | None:
        """DEAR_DESTINATION: the most that a minute may cost before it is dear."""
        if self.kind is not RuleKind.DEAR_DESTINATION or self.amount_limit is None:
            return None
        return self.amount_limit.micros

    def measure(self, call_count: int, spent_micros: int) -> int:
        """What the rule looks at of a window that holds this much."""
        return spent_micros if self.kind is RuleKind.SPEND_VELOCITY else call_count

    @property
    def limit(self) -> int:
        """The most that a window's measure may be."""
        return self.measure(self.count_limit, self.amount_limit.micros if self.amount_limit else 0)

    @property
    def currency(self) -> str | None:
        """The currency of the accounts that the rule is for; None means every account."""
        return self.amount_limit.currency if self.amount_limit else None

    @property
    def basis(self) -> tuple[RuleKind, timedelta, str | None, int | None]:
        """What decides how calls are counted: rules of another basis cannot share their windows."""
        return (self.kind, self.window, self.currency, self.price_limit_micros)


def check_rule(rule: FraudRule) -> None:
    """Refuse a rule that could never mean anything.

    Raises:
        DomainError: INVALID_FRAUD_RULE, naming the field.
    """
    if not WINDOW_MIN <= rule.window <= WINDOW_MAX or rule.window % WINDOW_MIN:
        raise invalid_rule(FieldViolation("window", "whole minutes, from 1 minute to 24 hours"))
    for field, fault in (
        ("amount_limit", _amount_fault(rule)),
        ("count_limit", _count_fault(rule)),
    ):
        if fault:
            raise invalid_rule(FieldViolation(field, fault))


def _amount_fault(rule: FraudRule) -> str:
    limit = rule.amount_limit
    if rule.kind is RuleKind.CALL_VELOCITY:
        return "" if limit is None else "leave it out: CALL_VELOCITY counts calls, not money"
    if limit is None or limit.micros <= 0:
        return f"{rule.kind.name} needs an amount above zero"
    if (rule.price_limit_micros or 0) > PRICE_LIMIT_MICROS_MAX:
        return f"a minute may cost at most {PRICE_LIMIT_MICROS_MAX // 10**6:,}"
    return ""


def _count_fault(rule: FraudRule) -> str:
    if rule.kind is RuleKind.SPEND_VELOCITY:
        return "leave it out: SPEND_VELOCITY looks at money" if rule.count_limit else ""
    if not 1 <= rule.count_limit <= COUNT_LIMIT_MAX:
        return f"{rule.kind.name} needs at least 1"
    return ""
