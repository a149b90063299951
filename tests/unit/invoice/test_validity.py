"""When a line or a subscription is in force."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.period import Period
from services.invoice.domain.validity import Validity

DAY_0 = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY_0 + timedelta(days=number)


@st.composite
def validities(draw: st.DrawFn) -> Validity:
    start = draw(st.integers(0, 10))
    end = draw(st.none() | st.integers(start, 12))
    return Validity(day(start), None if end is None else day(end))


def in_force(validity: Validity, number: int) -> bool:
    return validity.start <= day(number) and (validity.end is None or day(number) < validity.end)


@given(validities(), validities())
def test_two_overlap_when_some_day_knows_both(one: Validity, other: Validity) -> None:
    """Against a look at every day; a span that ends where it starts overlaps nothing."""
    together = any(in_force(one, number) and in_force(other, number) for number in range(20))
    assert one.overlaps(other) == other.overlaps(one) == together


@given(validities())
def test_the_part_of_a_period_is_the_days_in_both(validity: Validity) -> None:
    """Or nothing."""
    part = validity.part_of(Period(day(3), day(7)))
    days = [number for number in range(20) if part and part.contains(day(number))]
    assert days == [number for number in range(3, 7) if in_force(validity, number)]


def test_an_end_before_the_start_is_refused() -> None:
    """The message says what the start is."""
    with pytest.raises(DomainError, match="must not be before 2026-01-06"):
        Validity(day(5), day(4))
