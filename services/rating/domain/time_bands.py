"""Time bands: parts of the week and of the year, in the tariff's own time zone.

The band of an instant is the first in the plan's order that its local date and time fit, so days of
23 and 25 hours need no rule of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

MINUTES_PER_DAY = 24 * 60


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


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Dates that bands may refer to."""

    calendar_id: str
    code: str
    display_name: str
    dates: frozenset[date]
