"""The price of a call is the rational result rounded once, by the closed form and by columns."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.rounding import RoundingMode
from services.rating.domain.prefix_table import PrefixTable
from services.rating.domain.pricing import CALL_DURATION_MS_MAX, is_valid_duration, price_call
from services.rating.domain.pricing_columns import SUMMAND_MAX, price_calls
from services.rating.domain.rate_deck import CONNECT_FEE_MICROS_MAX, PRICE_NANOS_MAX, Rate
from services.rating.domain.rounding_rules import DurationRounding, PriceRule
from tests.unit.rating import oracle

MINUTE_MS = 60_000
# Dearest satellite minutes that we know of, generously rounded up, in nanos: the rates at which
# 64 bits are no longer enough for a long call.
DEAREST_VND = 400_000 * 10**9
DEAREST_IDR = 250_000 * 10**9
DEAREST_IRR = 15_000_000 * 10**9


def rate(price_nanos: int = 0, **changes: int) -> Rate:
    """A rate per begun minute without a fee, unless changed."""
    row = Rate("31", "Netherlands", price_nanos, 0, 60, 60, 0, 0, 2)
    return row._replace(**changes)  # type: ignore[arg-type]


prices = st.one_of(
    st.integers(0, 10**10),
    st.sampled_from([0, 1, 200_000, DEAREST_VND, DEAREST_IDR, DEAREST_IRR, PRICE_NANOS_MAX]),
    st.integers(0, PRICE_NANOS_MAX),
)
rates = st.builds(
    Rate,
    st.just("31"),
    st.just("Netherlands"),
    prices,
    st.one_of(st.integers(0, 10**7), st.integers(0, CONNECT_FEE_MICROS_MAX)),
    st.integers(1, 120),
    st.integers(1, 120),
    st.integers(0, 300),
    st.just(0),
    st.just(2),
)
durations = st.one_of(st.integers(0, 10 * MINUTE_MS), st.integers(0, CALL_DURATION_MS_MAX))
duration_roundings = st.sampled_from(DurationRounding)
price_rules = st.builds(PriceRule, st.sampled_from(RoundingMode), st.integers(0, 6))


def expected(
    row: Rate, duration_ms: int, duration_rounding: DurationRounding, rule: PriceRule
) -> tuple[int, int]:
    """What the oracle says, in seconds and micros."""
    tariff = oracle.Tariff(
        Fraction(row.price_nanos, 10**9),
        Fraction(row.connect_fee_micros, 10**6),
        row.first_increment,
        row.next_increment,
        row.minimum,
        duration_rounding.name,
        rule.mode.name,
        rule.decimals,
    )
    seconds, amount = oracle.price(tariff, duration_ms)
    return seconds, int(amount * 10**6)


@settings(max_examples=500, deadline=None)
@given(rates, st.integers(0, 10 * MINUTE_MS), duration_roundings, price_rules)
def test_a_price_equals_the_rational_result_rounded_once(
    row: Rate, duration_ms: int, duration_rounding: DurationRounding, rule: PriceRule
) -> None:
    """The closed form agrees with increments walked one by one and fractions."""
    priced = price_call(row, duration_ms, duration_rounding, rule)
    assert tuple(priced) == expected(row, duration_ms, duration_rounding, rule)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(rates, durations), min_size=1, max_size=20),
    duration_roundings,
    price_rules,
)
def test_prices_by_columns_are_bit_for_bit_the_prices_one_by_one(
    calls: list[tuple[Rate, int]], duration_rounding: DurationRounding, rule: PriceRule
) -> None:
    """Whatever the mix of prices, the largest of VND, IDR and IRR among them."""
    rows = [row._replace(prefix=f"{place:03d}") for place, (row, _) in enumerate(calls)]
    charged, amounts = price_calls(
        PrefixTable.compile(rows),
        np.arange(len(rows), dtype=np.int32),
        np.array([duration for _, duration in calls], np.int64),
        duration_rounding,
        rule,
    )
    one_by_one = [price_call(row, duration, duration_rounding, rule) for row, duration in calls]
    assert list(zip(charged.tolist(), amounts.tolist(), strict=True)) == one_by_one


@pytest.mark.parametrize("price_nanos", [DEAREST_VND, DEAREST_IDR, DEAREST_IRR])
def test_a_day_at_the_dearest_price_is_exact(price_nanos: int) -> None:
    """86,400 seconds are 1,440 minutes, and their price leaves 64 bits on the way."""
    row = rate(price_nanos, first_increment=1, next_increment=1)
    rule = PriceRule(RoundingMode.HALF_UP, 2)
    charged, amounts = price_calls(
        PrefixTable.compile([row]),
        np.zeros(1, np.int32),
        np.array([CALL_DURATION_MS_MAX], np.int64),
        DurationRounding.UP,
        rule,
    )
    assert price_nanos * 86_400 > SUMMAND_MAX
    assert (charged[0], amounts[0]) == (86_400, 1_440 * price_nanos // 1_000)


@pytest.mark.parametrize(
    ("duration_ms", "increments", "charged"),
    [
        (1, (60, 60), 60),
        (60_000, (60, 60), 60),
        (60_001, (60, 60), 120),
        (31_000, (30, 6), 36),
        (37_000, (30, 6), 42),
        (37_000, (1, 1), 37),
        (0, (30, 6), 30),
    ],
)
def test_begun_increments_are_charged(
    duration_ms: int, increments: tuple[int, int], charged: int
) -> None:
    """60/60, 30/6 and 1/1 as every carrier understands them."""
    first, following = increments
    row = rate(10**9, first_increment=first, next_increment=following)
    rule = PriceRule(RoundingMode.HALF_UP, 6)
    assert price_call(row, duration_ms, DurationRounding.UP, rule).charged_seconds == charged


def test_a_tiny_price_by_the_second_is_neither_free_nor_doubled() -> None:
    """0.0002 a minute by the second: an hour costs 0.012, not 0 and not 0.036."""
    row = rate(200_000, first_increment=1, next_increment=1)
    rule = PriceRule(RoundingMode.HALF_UP, 4)
    assert price_call(row, 60 * MINUTE_MS, DurationRounding.UP, rule).amount_micros == 12_000


@pytest.mark.parametrize(
    ("rounding", "charged"),
    [(DurationRounding.UP, 2), (DurationRounding.DOWN, 1), (DurationRounding.HALF_UP, 2)],
)
def test_the_plan_says_how_a_fraction_of_a_second_counts(
    rounding: DurationRounding, charged: int
) -> None:
    """1.5 seconds are two seconds, or one."""
    row = rate(10**9, first_increment=1, next_increment=1)
    rule = PriceRule(RoundingMode.HALF_UP, 6)
    assert price_call(row, 1_500, rounding, rule).charged_seconds == charged


@pytest.mark.parametrize(("duration_ms", "is_valid"), [(-1, False), (0, True)])
def test_a_call_lasts_from_nothing_to_a_day(duration_ms: int, is_valid: bool) -> None:
    """What is shorter than nothing or longer than a day is an error of the record."""
    assert is_valid_duration(duration_ms) is is_valid
    assert is_valid_duration(CALL_DURATION_MS_MAX)
    assert not is_valid_duration(CALL_DURATION_MS_MAX + 1)
