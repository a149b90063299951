"""The fee of a subscription for a period: in proportion to the days that it covers."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kernel.period import Period
from services.rating.domain.errors import invalid_field
from services.rating.domain.receipt import FeeShare
from services.rating.domain.rounding_rules import PriceRule

_INSTANT = timedelta(microseconds=1)


def fee_share(monthly_fee_micros: int, period: Period, covered: Period, time_zone: str) -> FeeShare:
    """The days of a period, and those that are covered; a begun day counts, in the account's zone.

    Raises:
        DomainError: INVALID_PERIOD when the covered part is not within the period.
    """
    if covered.start < period.start or covered.end > period.end:
        raise invalid_field(
            "INVALID_PERIOD", "covered_period", "it must lie within the billing period"
        )
    return FeeShare(
        monthly_fee_micros, _begun_days(covered, time_zone), _begun_days(period, time_zone)
    )


def fee_amount(share: FeeShare, rule: PriceRule) -> int:
    """The fee in micros, rounded once."""
    return rule.round_micros(share.monthly_fee_micros * share.covered_days, share.period_days)


def _begun_days(span: Period, time_zone: str) -> int:
    zone = ZoneInfo(time_zone)

    def day(instant: datetime) -> int:
        return instant.astimezone(zone).toordinal()

    return day(span.end - _INSTANT) - day(span.start) + 1
