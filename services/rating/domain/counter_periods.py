"""The periods that counters count in: the payer's billing periods, or days, weeks and months."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kernel.clock import from_micros, to_micros
from kernel.period import BillingCycle, Period
from services.rating.domain.plans.plan import CounterPeriod

CACHED_PERIODS_MAX = 10_000
_DAYS_PER_WEEK = 7
_HOUR_MICROS = 3_600 * 10**6


class Span(NamedTuple):
    """A half-open span of time in microseconds since 1970."""

    start_micros: int
    end_micros: int


class CounterCycle(NamedTuple):
    """How a counter's time is cut."""

    kind: CounterPeriod
    billing: BillingCycle
    """The payer's."""
    time_zone: str
    """The plan's."""

    def period_at(self, instant_micros: int) -> Span:
        """The period that an instant lies in."""
        # Nearly all calls lie in the hour of the one before, so that periods are found once.
        span = _period_at_hour(self, instant_micros // _HOUR_MICROS)
        if span.start_micros <= instant_micros < span.end_micros:
            return span
        return _span(self._period(from_micros(instant_micros)))

    def before(self, period: Span) -> Span:
        """The period that ends where another begins."""
        return self.period_at(period.start_micros - 1)

    def end_after(self, period: Span, periods: int) -> int:
        """When a number of periods after this one are over."""
        end = period.end_micros
        for _ in range(periods):
            end = self.period_at(end).end_micros
        return end

    def _period(self, instant: datetime) -> Period:
        match self.kind:
            case CounterPeriod.BILLING:
                return self.billing.period_of(instant)
            case CounterPeriod.MONTH:
                return BillingCycle(self.time_zone, 1).period_of(instant)
            case CounterPeriod.WEEK:
                day = _local_day(self.time_zone, instant)
                monday = day - (day - 1) % _DAYS_PER_WEEK
                return self._days(monday, monday + _DAYS_PER_WEEK)
            case CounterPeriod.DAY:
                day = _local_day(self.time_zone, instant)
                return self._days(day, day + 1)

    def _days(self, first: int, following: int) -> Period:
        return Period(_midnight(self.time_zone, first), _midnight(self.time_zone, following))


@lru_cache(maxsize=CACHED_PERIODS_MAX)
def _period_at_hour(cycle: CounterCycle, hour: int) -> Span:
    return _span(cycle._period(from_micros(hour * _HOUR_MICROS)))  # noqa: SLF001 its own cache


def _span(period: Period) -> Span:
    return Span(to_micros(period.start), to_micros(period.end))


def _local_day(time_zone: str, instant: datetime) -> int:
    """The day of an instant as an ordinal, of which 1 is a Monday."""
    day = instant.astimezone(ZoneInfo(time_zone)).toordinal()
    # The date alone doesn't tell: clocks set back over midnight show the old day again.
    return day + 1 if instant >= _midnight(time_zone, day + 1) else day


@lru_cache(maxsize=CACHED_PERIODS_MAX)
def _midnight(time_zone: str, day: int) -> datetime:
    """When a local day begins: the first of two midnights, the jump over one that is skipped."""
    local = datetime.combine(date.fromordinal(day), datetime.min.time(), ZoneInfo(time_zone))
    return local.astimezone(UTC)
