"""A charge belongs to the period of its start; what comes after the seal goes to the open one."""

from datetime import UTC, datetime, timedelta

import pytest

from kernel.errors import DomainError
from kernel.period import BillingCycle, Period
from services.rating.domain.charges.billing_period import book, check_next_to_seal
from services.rating.domain.fees.recurring_fee import day_share
from tests.unit.rating.terms import account


def day(month: int, number: int, hour: int = 0) -> datetime:
    """An instant of 2026, in UTC."""
    return datetime(2026, month, number, hour, tzinfo=UTC)


MARCH = Period(day(3, 1), day(4, 1))
APRIL = Period(day(4, 1), day(5, 1))


def test_a_call_is_booked_in_the_period_of_its_start() -> None:
    """However late its record comes, as long as the period is open."""
    assert book(account(), day(3, 31, 23), None) == (MARCH, False)


def test_the_period_is_cut_at_midnight_of_the_payer() -> None:
    """23:00 UTC on the last day of March is April in Amsterdam."""
    booked = book(account("Europe/Amsterdam"), day(3, 31, 23), None)
    assert booked.period == Period(day(3, 31, 22), day(4, 30, 22))


def test_a_call_of_a_sealed_period_is_a_correction_in_the_open_one() -> None:
    """The seal is for ever."""
    assert book(account(), day(3, 31, 23), day(4, 1)) == (APRIL, True)
    assert book(account(), day(4, 1), day(4, 1)) == (APRIL, False)


def test_a_call_before_the_first_period_is_billed_in_the_first() -> None:
    """No invoice would ever hold it otherwise."""
    assert book(account(start_time=MARCH.start), day(1, 15), None) == (MARCH, True)


def test_a_changed_cycle_books_no_instant_twice() -> None:
    """Sealed up to 1 April, then billed on the 15th: the next period begins where the seal ends."""
    changed = account(billing_day=15)
    rest = Period(day(4, 1), day(4, 15))
    assert book(changed, day(4, 3), day(4, 1)) == (rest, False)
    assert book(changed, day(3, 20), day(4, 1)) == (rest, True)
    assert book(changed, day(4, 20), day(4, 1)).period == Period(day(4, 15), day(5, 15))


@pytest.mark.parametrize(
    ("period", "sealed_until", "now", "reason"),
    [
        (MARCH, None, day(3, 31), "PERIOD_NOT_OVER"),
        (APRIL, None, day(6, 1), "PREVIOUS_PERIOD_OPEN"),
        (MARCH, APRIL.end, day(6, 1), "INVALID_PERIOD"),
        (Period(day(3, 2), day(4, 1)), None, day(6, 1), "INVALID_PERIOD"),
    ],
)
def test_only_the_oldest_open_period_is_sealed_and_only_when_it_is_over(
    period: Period, sealed_until: datetime | None, now: datetime, reason: str
) -> None:
    """Each refusal has its own reason."""
    payer = account(start_time=MARCH.start)
    with pytest.raises(DomainError) as refusal:
        check_next_to_seal(payer, period, sealed_until, now)
    assert refusal.value.reason == reason
    check_next_to_seal(payer, MARCH, None, MARCH.end)


def test_a_fee_is_charged_in_proportion_to_the_days_covered() -> None:
    """21 to 31 March are 11 of 31 days."""
    share = day_share(MARCH, Period(day(3, 21), day(4, 1)), "UTC")
    assert (share.covered_days, share.period_days) == (11, 31)


def test_the_shares_of_a_month_with_a_change_of_clocks_are_days_all_the_same() -> None:
    """March of Amsterdam has 743 hours and 31 days; a begun day counts whole."""
    cycle = BillingCycle("Europe/Amsterdam", 1)
    march = cycle.period_of(day(3, 15))
    assert march.end - march.start == timedelta(hours=743)
    begun = Period(day(3, 29, 10), march.end)
    share = day_share(march, begun, cycle.time_zone)
    assert (share.covered_days, share.period_days) == (3, 31)


def test_a_fee_covers_no_day_outside_its_period() -> None:
    """That would be another period's fee."""
    with pytest.raises(DomainError) as refusal:
        day_share(MARCH, Period(day(3, 31), day(4, 2)), "UTC")
    assert refusal.value.reason == "INVALID_PERIOD"
