"""The share of a fee by the month: in proportion to the days of a period that are covered."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kernel.period import Period
from services.rating.domain.errors import invalid_field

_INSTANT = timedelta(microseconds=1)


class DayShare(NamedTuple):
    """The part of a fee that is charged: covered days of the days of a period."""

    covered_days: int
    period_days: int


def day_share(period: Period, covered: Period, time_zone: str) -> DayShare:
    """The days of a period, and those that are covered; a begun day counts, in the account's zone.

    Raises:
        DomainError: INVALID_PERIOD when the covered part is not within the period.
    """
    if covered.start < period.start or covered.end > period.end:
        raise invalid_field(
            "INVALID_PERIOD", "covered_period", "it must lie within the billing period"
        )
    return DayShare(_begun_days(covered, time_zone), _begun_days(period, time_zone))


def _begun_days(span: Period, time_zone: str) -> int:
    zone = ZoneInfo(time_zone)

    def day(instant: datetime) -> int:
        return instant.astimezone(zone).toordinal()

    return day(span.end - _INSTANT) - day(span.start) + 1
