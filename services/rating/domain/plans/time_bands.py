"""Time bands: parts of the week and of the year, in the tariff's own time zone.

The band of an instant is the first in the plan's order that fits what the clock on the wall and
the calendar beside it show at that instant. A band fits minute m of local day d when it fits d and
from <= m < to. A band over midnight (to <= from) does when it fits d and m >= from, or when it fits
the calendar day before d and m < to. So days of 23 and 25 hours need no rule of their own: an hour
shown twice has its band twice, one that is never shown has none, and where a zone skipped a day,
the day before the next is still the skipped one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from kernel.clock import MICROS_PER_SECOND, from_micros, to_micros
from services.rating.domain.errors import invalid_field
from services.rating.domain.naming import check_code

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

TIME_BANDS_MAX = 64
MINUTES_PER_DAY = 24 * 60
DAYS_PER_WEEK = 7
# Of each schedule: more than a year, so that late calls and re-rating find their days.
DAYS_IN_MEMORY_MAX = 400
NO_BAND = -1

_MICROS_PER_MINUTE = 60 * MICROS_PER_SECOND
_MICROS_PER_DAY = MINUTES_PER_DAY * _MICROS_PER_MINUTE
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TimeBand:
    """A named part of the time, e.g. 'peak'. Every part that is set must fit."""

    code: str
    weekdays: tuple[int, ...] = ()
    """1 Monday to 7 Sunday (ISO 8601); empty fits every day."""
    from_minute: int = 0
    """Of the local day, included."""
    to_minute: int = MINUTES_PER_DAY
    """Of the local day, excluded. Not after from_minute: the band ends on the following day, and
    weekdays and dates are those of the day on which it began."""
    first_date: date | None = None
    """Local date from which it fits."""
    last_date: date | None = None
    """Last local date on which it fits."""
    calendar_id: str = ""
    """Fits only on the dates of this holiday calendar."""
    not_on_holidays_of: str = ""
    """Fits on no date of this holiday calendar."""

    @property
    def is_over_midnight(self) -> bool:
        """Whether it ends on the day after the one on which it begins."""
        return self.to_minute <= self.from_minute

    @property
    def depends_on_date(self) -> bool:
        """Whether two equal days of the week may differ."""
        parts = (self.first_date, self.last_date, self.calendar_id, self.not_on_holidays_of)
        return any(parts)


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Dates that bands may refer to."""

    calendar_id: str
    code: str
    display_name: str
    dates: frozenset[date]


class _Day(NamedTuple):
    """The pieces of one UTC day; neighbours have different bands."""

    starts: tuple[int, ...]
    bands: tuple[int, ...]


class BandSchedule:
    """The bands of a plan over time. INVALID_TIME_ZONE."""

    def __init__(
        self,
        bands: Sequence[TimeBand],
        time_zone: str,
        calendars: Mapping[str, HolidayCalendar],
    ) -> None:
        self._bands = tuple(bands)
        self._codes = (*(band.code for band in bands), "")  # the last is that of NO_BAND
        self._calendars = calendars
        self._zone = check_time_zone("time_zone", time_zone)
        minutes = {minute for band in bands for minute in (band.from_minute, band.to_minute)}
        self._cut_minutes = sorted({0, *(minute % MINUTES_PER_DAY for minute in minutes)})
        self._day = lru_cache(maxsize=DAYS_IN_MEMORY_MAX)(self._compile_day)

    def band_at(self, instant_micros: int) -> str:
        """The code of the band of an instant; '' when no band fits."""
        if not self._bands:
            return ""
        day = self._day(instant_micros // _MICROS_PER_DAY)
        return self._codes[day.bands[bisect_right(day.starts, instant_micros) - 1]]

    def pieces(self, start_micros: int, end_micros: int) -> list[tuple[int, str]]:
        """The start and the band of each piece of a span; the first begins with the span."""
        if not self._bands:
            return [(start_micros, "")]
        starts, bands = self._runs(start_micros, end_micros)
        first = bisect_right(starts, start_micros) - 1
        later = range(first + 1, bisect_left(starts, end_micros))
        return [
            (start_micros, self._codes[bands[first]]),
            *[(starts[place], self._codes[bands[place]]) for place in later],
        ]

    def timeline(self, start_micros: int, end_micros: int) -> tuple[Int64s, Int32s]:
        """The pieces of at least a span: their starts, and their places in the plan's order.

        The first begins at or before the span. NO_BAND where no band fits.
        """
        if not self._bands:
            return np.array([start_micros], np.int64), np.array([NO_BAND], np.int32)
        starts, bands = self._runs(start_micros, end_micros)
        return np.array(starts, np.int64), np.array(bands, np.int32)

    def _runs(self, start_micros: int, end_micros: int) -> tuple[list[int], list[int]]:
        """The pieces of all days that a span touches; neighbours have different bands."""
        first, last = start_micros // _MICROS_PER_DAY, (end_micros - 1) // _MICROS_PER_DAY
        starts: list[int] = []
        bands: list[int] = []
        for number in range(first, max(first, last) + 1):
            day = self._day(number)
            skipped = 1 if bands and bands[-1] == day.bands[0] else 0
            starts += day.starts[skipped:]
            bands += day.bands[skipped:]
        return starts, bands

    def _compile_day(self, number: int) -> _Day:
        """The pieces of the UTC day of a number, counted from 1970-01-01."""
        starts: list[int] = []
        bands: list[int] = []
        for start, band in self._cuts(number * _MICROS_PER_DAY):
            if not bands or bands[-1] != band:
                starts.append(start)
                bands.append(band)
        return _Day(tuple(starts), tuple(bands))

    def _cuts(self, day_micros: int) -> Iterator[tuple[int, int]]:
        """Each instant of a UTC day at which the band may change, with the band from then on."""
        end_micros = day_micros + _MICROS_PER_DAY
        jump = self._jump(day_micros, end_micros)
        for start, end in pairwise(sorted({day_micros, jump, end_micros})):
            offset = self._offset(start)
            for wall in self._wall_cuts(start + offset, end + offset):
                yield wall - offset, self._band_on_wall(wall)

    def _wall_cuts(self, start: int, end: int) -> Iterator[int]:
        """The start of a span of the wall clock, and every minute in it at which bands change."""
        yield start
        midnight = start - start % _MICROS_PER_DAY
        while midnight < end:
            for minute in self._cut_minutes:
                if start < midnight + minute * _MICROS_PER_MINUTE < end:
                    yield midnight + minute * _MICROS_PER_MINUTE
            midnight += _MICROS_PER_DAY

    def _band_on_wall(self, wall: int) -> int:
        """The place of the first band that fits a local time, in microseconds since local 1970."""
        moment = from_micros(wall)
        minute = moment.hour * 60 + moment.minute
        for place, band in enumerate(self._bands):
            if self._fits(band, moment.date(), minute):
                return place
        return NO_BAND

    def _fits(self, band: TimeBand, day: date, minute: int) -> bool:
        if not band.is_over_midnight:
            return band.from_minute <= minute < band.to_minute and self._fits_day(band, day)
        return (minute >= band.from_minute and self._fits_day(band, day)) or (
            minute < band.to_minute and self._fits_day(band, day - _ONE_DAY)
        )

    def _fits_day(self, band: TimeBand, day: date) -> bool:
        return (
            (not band.weekdays or day.isoweekday() in band.weekdays)
            and (band.first_date is None or day >= band.first_date)
            and (band.last_date is None or day <= band.last_date)
            and (not band.calendar_id or self._is_holiday(band.calendar_id, day))
            and not (band.not_on_holidays_of and self._is_holiday(band.not_on_holidays_of, day))
        )

    def _is_holiday(self, calendar_id: str, day: date) -> bool:
        calendar = self._calendars.get(calendar_id)
        return calendar is not None and day in calendar.dates

    def _jump(self, start: int, end: int) -> int:
        """Where the zone's offset changes in a day; its end if nowhere.

        No zone of the IANA database has ever changed twice within three days.
        """
        before = self._offset(start)
        if self._offset(end) == before:
            return end
        while end - start > 1:
            middle = (start + end) // 2
            if self._offset(middle) == before:
                start = middle
            else:
                end = middle
        return end

    def _offset(self, instant_micros: int) -> int:
        """Microseconds that the wall clock is ahead of UTC."""
        local = from_micros(instant_micros).astimezone(self._zone)
        return to_micros(local.replace(tzinfo=UTC)) - instant_micros


def check_time_zone(field: str, name: str) -> ZoneInfo:
    """The zone of that name: INVALID_TIME_ZONE."""
    try:
        return ZoneInfo(name)
    # A folder of the database, a path out of it, a file that is not a zone: all the same to us.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        problem = f"{name!r} is not an IANA time zone; write one like Europe/Amsterdam"
        raise invalid_field("INVALID_TIME_ZONE", field, problem) from error


def check_bands(bands: Sequence[TimeBand]) -> None:
    """Refuse bands that nobody can mean: INVALID_CODE, INVALID_TIME_BAND, TIME_BAND_GAP."""
    if len(bands) > TIME_BANDS_MAX:
        problem = f"{len(bands)} are more than {TIME_BANDS_MAX}; join bands of one price"
        raise invalid_field("INVALID_TIME_BAND", "revision.time_bands", problem)
    codes: set[str] = set()
    for place, band in enumerate(bands):
        field = f"revision.time_bands[{place}]"
        check_code(f"{field}.code", band.code)
        problem = f"code {band.code!r} is taken" if band.code in codes else _problem_of(band)
        if problem:
            raise invalid_field("INVALID_TIME_BAND", field, problem)
        codes.add(band.code)
    check_covers(bands)


def check_covers(bands: Sequence[TimeBand]) -> None:
    """Refuse bands that leave a minute of some week without one: TIME_BAND_GAP.

    Bands that depend on dates are no cover. No bands at all leave no gap.
    """
    if not bands:
        return
    every_week = [band for band in bands if not band.depends_on_date]
    schedule = BandSchedule(every_week, "UTC", {})
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    start = to_micros(monday)
    for instant, code in schedule.pieces(start, start + DAYS_PER_WEEK * _MICROS_PER_DAY):
        if not code:
            gap = from_micros(instant)
            problem = f"no band fits {gap:%A %H:%M}; add one, e.g. a last band that fits always"
            raise invalid_field("TIME_BAND_GAP", "revision.time_bands", problem)


def _problem_of(band: TimeBand) -> str:
    """What is wrong with a band; nothing for a good one."""
    if not all(1 <= weekday <= DAYS_PER_WEEK for weekday in band.weekdays):
        return f"weekdays {list(band.weekdays)} must be 1 (Monday) to 7 (Sunday)"
    if not 0 <= band.from_minute < MINUTES_PER_DAY:
        return f"from_minute {band.from_minute} must be 0 to {MINUTES_PER_DAY - 1}"
    if not 0 <= band.to_minute <= MINUTES_PER_DAY:
        return f"to_minute {band.to_minute} must be 0 to {MINUTES_PER_DAY}"
    if band.first_date and band.last_date and band.last_date < band.first_date:
        return f"last_date {band.last_date} is before first_date {band.first_date}"
    return ""
