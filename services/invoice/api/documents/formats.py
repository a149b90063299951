"""How documents write amounts, times and durations."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kernel.clock import MS_PER_SECOND
from kernel.money import MICROS_PER_UNIT
from kernel.period import Period

MICRO_DECIMALS = 6
BASIS_POINTS_PER_PERCENT = 100
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3_600

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def decimals_needed(amounts: Iterable[int], at_least: int) -> int:
    """The decimals that show every amount of a column in full, so that its points align."""
    decimals = at_least
    for micros in amounts:
        while decimals < MICRO_DECIMALS and micros % 10 ** (MICRO_DECIMALS - decimals):
            decimals += 1
    return decimals


def amount_text(micros: int, decimals: int) -> str:
    """An amount that has no more than these decimals: 1,234.50; negative with a minus sign."""
    units, rest = divmod(abs(micros), MICROS_PER_UNIT)
    fraction = f"{rest:0{MICRO_DECIMALS}d}"[:decimals]
    sign = "\N{MINUS SIGN}" if micros < 0 else ""
    return f"{sign}{units:,}.{fraction}" if decimals else f"{sign}{units:,}"


def plain_amount(micros: int) -> str:
    """An amount for programs, exact: -1234.500000."""
    units, rest = divmod(abs(micros), MICROS_PER_UNIT)
    return f"{'-' if micros < 0 else ''}{units}.{rest:0{MICRO_DECIMALS}d}"


def percent_text(basis_points: int) -> str:
    """A rate as people write it: 21 %, 5.5 %."""
    whole, rest = divmod(basis_points, BASIS_POINTS_PER_PERCENT)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def duration_text(milliseconds: int) -> str:
    """A span as hours, minutes and begun seconds: 1:02:03."""
    seconds = -(-milliseconds // MS_PER_SECOND)
    hours, rest = divmod(seconds, SECONDS_PER_HOUR)
    return f"{hours:,}:{rest // SECONDS_PER_MINUTE:02d}:{rest % SECONDS_PER_MINUTE:02d}"


def seconds_text(milliseconds: int) -> str:
    """A span for programs, in seconds: 62.500."""
    return f"{milliseconds // MS_PER_SECOND}.{milliseconds % MS_PER_SECOND:03d}"


def date_text(day: date) -> str:
    """A day in words: 3 November 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def period_text(span: Period, zone: ZoneInfo) -> str:
    """A period by its first and last day: 1 - 31 October 2026, with no more words than needed."""
    first = span.start.astimezone(zone).date()
    last = (span.end - timedelta(microseconds=1)).astimezone(zone).date()
    if first.year != last.year:
        start = date_text(first)
    elif first.month != last.month:
        start = f"{first.day} {_MONTHS[first.month - 1]}"
    else:
        start = str(first.day)
    return f"{start} \N{EN DASH} {date_text(last)}"


def local_time_text(instant: datetime, zone: ZoneInfo) -> str:
    """An instant in a zone, to the second: 2026-10-25 02:30:00."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def iso_time(instant: datetime, zone: ZoneInfo) -> str:
    """An instant for programs, with its offset: 2026-10-25T02:30:00.000+01:00."""
    return instant.astimezone(zone).isoformat(timespec="milliseconds")
