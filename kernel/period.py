"""Periods: half-open spans of time, and the cycles that cut an account's time into them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.errors import DomainError, ErrorKind

# Every month has them, so that no period is cut short by a February.
BILLING_DAY_MAX = 28
CACHED_CUTS_MAX = 10_000

_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time: `start` belongs to it, `end` does not; both in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise DomainError(
                ErrorKind.INVALID_ARGUMENT,
                "INVALID_PERIOD",
                f"a period from {self.start} to {self.end} is empty; it must end after its start",
            )

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies in the period."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class BillingCycle:
    """Months that begin at local midnight of the billing day, in one IANA zone.

    Where clocks skip that midnight, the period begins with the first instant after it; where they
    repeat it, with the first of the two. INVALID_TIME_ZONE, INVALID_BILLING_DAY.
    """

    time_zone: str
    billing_day: int

    def __post_init__(self) -> None:
        zone_of(self.time_zone)
        if not 1 <= self.billing_day <= BILLING_DAY_MAX:
            raise DomainError(
                ErrorKind.INVALID_ARGUMENT,
                "INVALID_BILLING_DAY",
                f"billing day {self.billing_day} is not in every month; "
                f"choose 1 to {BILLING_DAY_MAX}",
                {"billing_day": str(self.billing_day)},
            )

    def period_of(self, instant: datetime) -> Period:
        """The period that an instant belongs to: INVALID_TIME where no calendar goes so far."""
        try:
            return self._period_of(instant)
        # Python's calendar has the years 1 to 9999.
        except (ValueError, OverflowError) as error:
            raise DomainError(
                ErrorKind.INVALID_ARGUMENT,
                "INVALID_TIME",
                f"{instant.isoformat()} is in no billing period that a calendar has; "
                "give a moment in the years 1 to 9999, not at their ends",
                {"value": instant.isoformat()},
            ) from error

    def period_after(self, period: Period) -> Period:
        """The period that follows; a shorter one first, when the cycle has changed in between."""
        return Period(period.end, self.period_of(period.end).end)

    def _period_of(self, instant: datetime) -> Period:
        local = instant.astimezone(zone_of(self.time_zone))
        month = local.year * _MONTHS_PER_YEAR + local.month - 1
        # The local month alone doesn't tell: clocks set back over midnight show the old day again.
        if instant < self._cut(month):
            month -= 1
        elif instant >= self._cut(month + 1):
            month += 1
        return Period(self._cut(month), self._cut(month + 1))

    def _cut(self, month: int) -> datetime:
        return _first_instant(self.time_zone, month, self.billing_day)


@lru_cache(maxsize=CACHED_CUTS_MAX)
def _first_instant(time_zone: str, month: int, day: int) -> datetime:
    """When a local day begins; months are counted from the year 0."""
    year, month_before = divmod(month, _MONTHS_PER_YEAR)
    midnight = datetime(year, month_before + 1, day, tzinfo=zone_of(time_zone))
    # Python reads a repeated time as its first occurrence (fold 0), and a skipped one with the
    # offset before the jump: as all jumps over these midnights start at 0:00, that is the jump.
    return midnight.astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """The zone with an IANA name. Raises INVALID_ARGUMENT INVALID_TIME_ZONE."""
    try:
        return ZoneInfo(name)
    # A folder of the database, a path out of it, a file that is not a zone: all the same to us.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            "INVALID_TIME_ZONE",
            f"{name!r} is not an IANA time zone; write one like Europe/Amsterdam",
            {"time_zone": name},
        ) from error
