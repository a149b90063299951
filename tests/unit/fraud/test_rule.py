"""Which rules mean something, and how much they let through."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.errors import DomainError
from kernel.money import Money
from services.fraud.domain.rule import FraudRule, RuleAction, RuleKind, check_rule
from tests.support.refusals import refusal_reason

HOUR = timedelta(hours=1)
TEN_EUROS = Money("EUR", 10_000_000)


def rule(kind: RuleKind, amount: Money | None = None, count: int = 0) -> FraudRule:
    return FraudRule("a-rule", kind, HOUR, amount, count, RuleAction.ALERT, enabled=True)


SPEND = rule(RuleKind.SPEND_VELOCITY, TEN_EUROS)
DEAR = rule(RuleKind.DEAR_DESTINATION, TEN_EUROS, count=3)
CALLS = rule(RuleKind.CALL_VELOCITY, count=30)


@pytest.mark.parametrize("sound", [SPEND, DEAR, CALLS])
def test_a_rule_with_the_limits_of_its_kind_is_taken(sound: FraudRule) -> None:
    """Money for spend, a price and a count for dear calls, a count for calls."""
    assert refusal_reason(lambda: check_rule(sound)) == ""


@pytest.mark.parametrize(
    ("unsound", "field"),
    [
        (replace(SPEND, amount_limit=None), "amount_limit"),
        (replace(SPEND, amount_limit=Money("EUR", 0)), "amount_limit"),
        (replace(SPEND, count_limit=1), "count_limit"),
        (replace(DEAR, amount_limit=None), "amount_limit"),
        (replace(DEAR, count_limit=0), "count_limit"),
        (replace(DEAR, amount_limit=Money("IRR", 10**14 + 1)), "amount_limit"),
        (replace(CALLS, amount_limit=TEN_EUROS), "amount_limit"),
        (replace(CALLS, count_limit=0), "count_limit"),
        (replace(CALLS, count_limit=2**32), "count_limit"),
        (replace(CALLS, window=timedelta(seconds=59)), "window"),
        (replace(CALLS, window=timedelta(seconds=90)), "window"),
        (replace(CALLS, window=timedelta(hours=24, minutes=1)), "window"),
    ],
)
def test_a_limit_that_is_missing_or_meaningless_is_named(unsound: FraudRule, field: str) -> None:
    """The refusal says which field, so that whoever writes the rule can mend it."""
    with pytest.raises(DomainError) as refusal:
        check_rule(unsound)
    assert refusal.value.reason == "INVALID_FRAUD_RULE"
    assert [violation.field for violation in refusal.value.field_violations] == [field]


@pytest.mark.parametrize("minutes", [1, 7, 60, 1440])
def test_twelve_steps_are_exactly_a_window(minutes: int) -> None:
    """No window loses a part of a second to its steps."""
    window = timedelta(minutes=minutes)
    assert 12 * replace(CALLS, window=window).step_micros == window / timedelta(microseconds=1)


def test_only_what_changes_the_counting_makes_counts_useless() -> None:
    """A higher limit keeps what was counted; another window, price or currency does not."""
    assert replace(DEAR, count_limit=9, enabled=False).basis == DEAR.basis
    assert replace(SPEND, amount_limit=Money("EUR", 1)).basis == SPEND.basis
    assert replace(DEAR, amount_limit=Money("EUR", 1)).basis != DEAR.basis
    assert replace(SPEND, amount_limit=Money("USD", 10_000_000)).basis != SPEND.basis
    assert replace(CALLS, window=2 * HOUR).basis != CALLS.basis
