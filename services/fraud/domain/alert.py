"""Alerts: a broken rule with its evidence, in numbers and in words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.money import MICROS_PER_UNIT, Money
from services.fraud.domain.rule import FraudRule, RuleKind
from services.fraud.domain.window import Evidence, Finding


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one rule and account; the evidence is that of its fullest window."""

    alert_id: str
    account_id: str
    fraud_rule_id: str
    kind: RuleKind
    raise_time: datetime
    message: str
    evidence: Evidence
    # Empty while none of the calls is priced.
    currency: str
    # The first and last call of all its broken windows: a window that shares calls joins it.
    episode_start_micros: int
    episode_end_micros: int

    @property
    def spent_amount(self) -> Money | None:
        """What the calls cost; None while none of them is priced."""
        return Money(self.currency, self.evidence.spent_micros) if self.currency else None


def grow(alert: Alert, rule: FraudRule, finding: Finding, currency: str) -> Alert:
    """The alert with a finding of its episode added: it shows the fullest window ever seen."""
    alert = replace(
        alert,
        episode_start_micros=min(alert.episode_start_micros, finding.start_micros),
        episode_end_micros=max(alert.episode_end_micros, finding.end_micros),
    )
    if measure(rule, finding.evidence) <= measure(rule, alert.evidence):
        return alert
    return replace(
        alert,
        message=describe(rule, finding.evidence),
        evidence=finding.evidence,
        currency=currency or alert.currency,
    )


def measure(rule: FraudRule, evidence: Evidence) -> int:
    """How much of what the rule looks at a window held."""
    return rule.measure(evidence.call_count, evidence.spent_micros)


def describe(rule: FraudRule, evidence: Evidence) -> str:
    """What was seen and what the limit was."""
    span = _span_in_words(rule.window)
    if rule.amount_limit is None:
        return f"{evidence.call_count} calls within {span}; the limit is {rule.count_limit}"
    limit = _money_in_words(rule.amount_limit)
    if rule.kind is RuleKind.SPEND_VELOCITY:
        spent = _money_in_words(replace(rule.amount_limit, micros=evidence.spent_micros))
        return f"{spent} spent within {span}; the limit is {limit}"
    calls = f"{evidence.call_count} calls dearer than {limit} a minute"
    return f"{calls} within {span}; the limit is {rule.count_limit}"


def _money_in_words(money: Money) -> str:
    amount = Decimal(money.micros) / MICROS_PER_UNIT
    return f"{amount.normalize():f} {money.currency}"


def _span_in_words(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    count, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
