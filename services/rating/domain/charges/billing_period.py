"""Which billing period a charge is booked in: the period of its start, or the open one."""

from datetime import datetime
from typing import NamedTuple

from kernel.period import Period
from services.rating.domain.account import Account
from services.rating.domain.errors import invalid_field, precondition


class Booking(NamedTuple):
    """Where a charge revision is booked."""

    period: Period
    is_correction: bool
    """The period of the call was sealed already."""


def book(payer: Account, start: datetime, sealed_until: datetime | None) -> Booking:
    """The period of a charge that starts at `start`, for a payer sealed up to `sealed_until`.

    What started before the payer's first period counts as sealed: no invoice would ever hold it.
    """
    open_since = open_from(payer, sealed_until)
    natural = payer.cycle.period_of(start)
    if natural.start >= open_since:
        return Booking(natural, is_correction=False)
    open_period = payer.cycle.period_of(open_since)
    # The account's cycle may have changed since the seal: no instant is in two periods.
    period = Period(max(open_period.start, open_since), open_period.end)
    return Booking(period, is_correction=start < open_since)


def open_from(payer: Account, sealed_until: datetime | None) -> datetime:
    """Where the first period that is not sealed begins."""
    return sealed_until or payer.cycle.period_of(payer.start_time).start


def check_next_to_seal(
    payer: Account, period: Period, sealed_until: datetime | None, now: datetime
) -> None:
    """Refuse to seal anything but the oldest open period, once it is over.

    Raises:
        DomainError: PREVIOUS_PERIOD_OPEN, INVALID_PERIOD, PERIOD_NOT_OVER.
    """
    open_since = open_from(payer, sealed_until)
    next_period = Period(open_since, payer.cycle.period_of(open_since).end)
    if period.start >= next_period.end:
        raise precondition(
            "PREVIOUS_PERIOD_OPEN",
            f"the period from {next_period.start.isoformat()} to {next_period.end.isoformat()} "
            "is still open; seal it first",
            open_period_start=next_period.start.isoformat(),
        )
    if period != next_period:
        raise invalid_field(
            "INVALID_PERIOD",
            "billing_period",
            f"the account's next period is {next_period.start.isoformat()} to "
            f"{next_period.end.isoformat()}, not {period.start.isoformat()} to "
            f"{period.end.isoformat()}",
        )
    if now < period.end:
        raise precondition(
            "PERIOD_NOT_OVER",
            f"the period ends at {period.end.isoformat()}; seal it then",
            period_end=period.end.isoformat(),
        )
