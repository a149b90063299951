"""Local clocks, read one instant at a time: which band an instant lies in, when a period begins."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kernel.clock import from_micros, to_micros
from services.rating.domain.plans.plan import CounterPeriod, PlanRevision
from services.rating.domain.plans.time_bands import HolidayCalendar, TimeBand

SECOND_MICROS = 10**6
MINUTE_MICROS = 60 * SECOND_MICROS
DAY = timedelta(days=1)


class Span(NamedTuple):
    """Half-open, in microseconds since 1970."""

    start: int
    end: int


class WallClock(NamedTuple):
    """What a clock on the wall and the calendar beside it show."""

    day: date
    minute: int


@lru_cache(maxsize=200_000)
def wall_clock(time_zone: str, utc_minute: int) -> WallClock:
    """The local time of a minute since 1970; clocks of our days differ by whole minutes."""
    local = from_micros(utc_minute * MINUTE_MICROS).astimezone(ZoneInfo(time_zone))
    return WallClock(local.date(), local.hour * 60 + local.minute)


def band_at(
    revision: PlanRevision, calendars: Mapping[str, HolidayCalendar], instant_micros: int
) -> str:
    """The first band that the local time fits."""
    clock = wall_clock(revision.time_zone, instant_micros // MINUTE_MICROS)
    for band in revision.time_bands:
        if _fits(band, clock, calendars):
            return band.code
    assert not revision.time_bands, f"no band of {revision.plan_revision_id} fits {clock}"
    return ""


def _fits(band: TimeBand, clock: WallClock, calendars: Mapping[str, HolidayCalendar]) -> bool:
    if band.from_minute < band.to_minute:
        is_within = band.from_minute <= clock.minute < band.to_minute
        return is_within and _fits_day(band, clock.day, calendars)
    if clock.minute >= band.from_minute:
        return _fits_day(band, clock.day, calendars)
    return clock.minute < band.to_minute and _fits_day(band, clock.day - DAY, calendars)


def _fits_day(band: TimeBand, day: date, calendars: Mapping[str, HolidayCalendar]) -> bool:
    if band.weekdays and day.isoweekday() not in band.weekdays:
        return False
    if band.first_date is not None and day < band.first_date:
        return False
    if band.last_date is not None and day > band.last_date:
        return False
    if band.calendar_id and day not in calendars[band.calendar_id].dates:
        return False
    return not (band.not_on_holidays_of and day in calendars[band.not_on_holidays_of].dates)


def counter_span(
    period: CounterPeriod, time_zone: str, billing_day: int, instant_micros: int
) -> Span:
    """The period of a counter that an instant lies in, found by trying the days around it.

    `billing_day` counts for BILLING only, and so does that the zone is then the payer's.
    """
    today = from_micros(instant_micros).astimezone(ZoneInfo(time_zone)).date()
    return next(
        Span(start, end)
        for start, end in pairwise(_cuts(period, time_zone, billing_day, today))
        if start <= instant_micros < end
    )


@lru_cache(maxsize=10_000)
def _cuts(period: CounterPeriod, time_zone: str, billing_day: int, today: date) -> list[int]:
    days = (today + DAY * distance for distance in range(-40, 41))
    return [_midnight(time_zone, day) for day in days if _begins_on(period, billing_day, day)]


def _begins_on(period: CounterPeriod, billing_day: int, day: date) -> bool:
    return {
        CounterPeriod.BILLING: day.day == billing_day,
        CounterPeriod.DAY: True,
        CounterPeriod.WEEK: day.isoweekday() == 1,
        CounterPeriod.MONTH: day.day == 1,
    }[period]


@lru_cache(maxsize=50_000)
def _midnight(time_zone: str, day: date) -> int:
    """The first instant of a local day: where its midnight is skipped, the moment of the jump.

    Found by walking over the minutes around it until the wall shows the day.
    """
    zone = ZoneInfo(time_zone)
    moment = datetime.combine(day, time(), UTC) - 15 * timedelta(hours=1)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(hours=1)
    moment -= timedelta(hours=1)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(minutes=1)
    return to_micros(moment)
