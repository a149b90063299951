"""Periods tile time: every call belongs to exactly one."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import from_micros
from kernel.errors import DomainError
from kernel.period import BillingCycle, Period

# The zones of the pinned package: the machine's own may be older.
ZONES = files("tzdata").joinpath("zones").read_text().split()
MICROSECOND = timedelta(microseconds=1)

# Microseconds from 1970 to the year 2100.
INSTANTS = st.integers(0, 130 * 365 * 86_400_000_000).map(from_micros)
CYCLES = st.builds(BillingCycle, st.sampled_from(ZONES), st.integers(1, 28))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall_clock(instant: datetime, time_zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)


@given(CYCLES, INSTANTS)
def test_consecutive_periods_tile_time_without_gap_or_overlap(
    cycle: BillingCycle, instant: datetime
) -> None:
    """Where one period ends the next begins, and both are what their instants say."""
    period = cycle.period_of(instant)
    following = cycle.period_after(period)
    assert period.contains(instant)
    assert following.start == period.end
    for one in (period, following):
        assert cycle.period_of(one.start) == one
        assert cycle.period_of(one.end - MICROSECOND) == one


@given(CYCLES, INSTANTS)
def test_a_period_begins_with_the_billing_day(cycle: BillingCycle, instant: datetime) -> None:
    """The wall clock shows the billing day at the cut, and the day before just before it."""
    start = cycle.period_of(instant).start
    at_cut = wall_clock(start, cycle.time_zone)
    before = wall_clock(start - MICROSECOND, cycle.time_zone)
    # Samoa and Kwajalein left out a whole day when they moved across the date line.
    billing_day = at_cut.replace(day=cycle.billing_day, hour=0, minute=0, second=0)
    assert before < billing_day <= at_cut < billing_day + timedelta(days=1, hours=1)


@given(CYCLES, INSTANTS)
def test_a_year_has_twelve_periods(cycle: BillingCycle, instant: datetime) -> None:
    """No month is billed twice or left out, so a monthly fee is due twelve times."""
    first = cycle.period_of(instant)
    period = first
    for _ in range(12):
        period = cycle.period_after(period)
    start, anniversary = (wall_clock(p.start, cycle.time_zone) for p in (first, period))
    assert (anniversary.year, anniversary.month) == (start.year + 1, start.month)


@pytest.mark.parametrize(
    ("time_zone", "billing_day", "start"),
    [
        ("America/Sao_Paulo", 4, "2018-11-04T03:00"),
        ("Asia/Beirut", 27, "2022-03-26T22:00"),
        ("Africa/Cairo", 28, "2023-04-27T22:00"),
        ("America/Asuncion", 6, "2024-10-06T04:00"),
    ],
)
def test_a_skipped_midnight_cuts_at_the_first_instant_after(
    time_zone: str, billing_day: int, start: str
) -> None:
    """Clocks jumped from 0:00 to 1:00; the period begins at 1:00, the very moment of the jump."""
    period = BillingCycle(time_zone, billing_day).period_of(utc(start))
    assert period.start == utc(start)
    assert wall_clock(period.start, time_zone).hour == 1
    assert wall_clock(period.start - MICROSECOND, time_zone).hour == 23


@pytest.mark.parametrize(
    ("time_zone", "start", "again"),
    [
        ("America/Havana", "2015-11-01T04:00", "2015-11-01T05:00"),
        ("America/St_Johns", "2009-11-01T02:30", "2009-11-01T03:30"),
    ],
)
def test_a_repeated_midnight_cuts_at_the_first(time_zone: str, start: str, again: str) -> None:
    """Newfoundland even showed October for another hour: those calls are November's already."""
    cycle = BillingCycle(time_zone, 1)
    assert wall_clock(utc(start), time_zone) == wall_clock(utc(again), time_zone)
    november = cycle.period_of(utc(start))
    assert november.start == utc(start)
    assert cycle.period_of(utc(start) + timedelta(minutes=30)) == november
    assert cycle.period_of(utc(start) - MICROSECOND).end == november.start


@pytest.mark.parametrize(("month", "hours"), [(3, 31 * 24 - 1), (10, 31 * 24 + 1)])
def test_months_with_a_change_of_clocks_keep_their_real_length(month: int, hours: int) -> None:
    """Amsterdam's March lost an hour in 2026, and its October won one."""
    period = BillingCycle("Europe/Amsterdam", 1).period_of(datetime(2026, month, 15, tzinfo=UTC))
    assert period.end - period.start == timedelta(hours=hours)


def test_a_changed_billing_day_bills_the_days_between_on_their_own() -> None:
    """The period that follows begins where the old one ended, whatever the new day is."""
    old = BillingCycle("UTC", 1).period_of(utc("2026-03-10"))
    between = BillingCycle("UTC", 15).period_after(old)
    assert between == Period(utc("2026-04-01"), utc("2026-04-15"))


@given(INSTANTS)
def test_a_period_holds_its_start_and_not_its_end(start: datetime) -> None:
    """A call at the very cut is in the later period alone."""
    period = Period(start, start + MICROSECOND)
    assert period.contains(period.start)
    assert not period.contains(period.end)
    assert not period.contains(start - MICROSECOND)
    with pytest.raises(DomainError, match="INVALID_PERIOD"):
        Period(start, start)


@pytest.mark.parametrize(
    "name", ["", "Europe", "../zone", "Europe/Nowhere", "a\0b", "europe amsterdam"]
)
def test_only_zones_of_the_database_are_accepted(name: str) -> None:
    """A misspelt zone is found when the account is made, not when its period closes."""
    with pytest.raises(DomainError, match="INVALID_TIME_ZONE"):
        BillingCycle(name, 1)


@pytest.mark.parametrize("day", [-1, 0, 29, 31])
def test_a_billing_day_is_in_every_month(day: int) -> None:
    """The 31st would be another day in most months."""
    with pytest.raises(DomainError, match="INVALID_BILLING_DAY"):
        BillingCycle("UTC", day)


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999999", "0001-01-01"])
def test_a_moment_at_the_end_of_all_calendars_is_in_no_period(time_zone: str, at: str) -> None:
    """Its period would begin or end in a year that there is not."""
    with pytest.raises(DomainError) as refused:
        BillingCycle(time_zone, 15).period_of(utc(at))
    assert refused.value.reason == "INVALID_TIME"
    assert at in refused.value.message


def test_the_last_whole_period_of_all_calendars_is_told() -> None:
    """Nothing is refused that can be told."""
    assert BillingCycle("UTC", 1).period_of(utc("9999-11-30")).end == utc("9999-12-01")
