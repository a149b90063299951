"""Windows against an oracle that looks at every window, call by call."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Money
from services.fraud.domain.calls import Calls, counted
from services.fraud.domain.rule import STEPS_PER_WINDOW, FraudRule, RuleAction, RuleKind
from services.fraud.domain.window import Step, empty_step, find_broken, first_settlements

MINUTE_MICROS = 60_000_000


def calls_rule(count: int, minutes: int = 12) -> FraudRule:
    """A rule whose steps are a twelfth of `minutes` long."""
    window = timedelta(minutes=minutes)
    return FraudRule("r", RuleKind.CALL_VELOCITY, window, None, count, RuleAction.ALERT, True)


def dear_rule(micros: int) -> FraudRule:
    limit, window = Money("EUR", micros), timedelta(hours=1)
    return FraudRule("r", RuleKind.DEAR_DESTINATION, window, limit, 1, RuleAction.ALERT, True)


def calls(
    starts: list[int], amounts: list[int] | None = None, charged_ms: list[int] | None = None
) -> Calls:
    """First settlements of one account, in EUR."""
    size = len(starts)
    zeros = np.zeros(size, dtype=np.int64)
    money = np.array(amounts or [0] * size, dtype=np.int64)
    return Calls(
        charge_ids=np.array([number.to_bytes(16) for number in range(size)], dtype="V16"),
        revisions=zeros + 1,
        account_codes=zeros,
        accounts=["ann"],
        currency_codes=zeros,
        currencies=["EUR"],
        amounts=money,
        amount_deltas=money,
        start_micros=np.array(starts, dtype=np.int64),
        charged_ms=np.array(charged_ms or [60_000] * size, dtype=np.int64),
    )


minutes = st.lists(st.integers(0, 90), min_size=1, max_size=60)


@given(minutes, st.integers(1, 8))
def test_a_rule_is_broken_exactly_when_some_window_holds_too_much(
    starts: list[int], limit: int
) -> None:
    """Count the calls of every window of twelve one-minute steps, and compare."""
    rule = calls_rule(limit)
    added = first_settlements(
        rule, calls([start * MINUTE_MICROS for start in starts]), np.ones(len(starts), np.bool_)
    )
    steps = {number: step for (_, number), step in added.items()}
    fullest = max(
        sum(end - STEPS_PER_WINDOW < start <= end for start in starts) for end in range(91)
    )
    findings = find_broken(rule, steps, set(steps))
    assert bool(findings) == (fullest > limit)
    if findings:
        assert max(finding.evidence.call_count for finding in findings) == fullest


@given(minutes, st.integers(1, 8), st.integers(0, 90))
def test_a_change_never_digs_up_windows_that_it_is_not_in(
    starts: list[int], limit: int, late: int
) -> None:
    """A call that arrives late breaks windows around its own time only."""
    rule = calls_rule(limit)
    steps: dict[int, Step] = {}
    for start in [*starts, late]:
        one = Step(1, 0, bytes(16), start, start)
        steps.setdefault(start, empty_step()).add(one)
    for finding in find_broken(rule, steps, {late}):
        assert finding.start_micros <= late + STEPS_PER_WINDOW - 1
        assert finding.end_micros >= late
        assert finding.end_micros <= late + STEPS_PER_WINDOW - 1


amounts = st.integers(0, 10**18)
durations = st.integers(0, 24 * 3_600_000)


@given(st.lists(st.tuples(amounts, durations), min_size=1), st.integers(1, 10**14))
def test_a_minute_is_dear_exactly_when_it_costs_more_than_the_limit(
    priced: list[tuple[int, int]], limit: int
) -> None:
    """By fractions: amount / duration > limit / minute; no charged time counts as one minute."""
    columns = [list(column) for column in zip(*priced, strict=True)]
    batch = calls([0] * len(priced), *columns)
    expected = [amount * 60_000 > limit * (duration or 60_000) for amount, duration in priced]
    assert counted(dear_rule(limit), batch).tolist() == expected
