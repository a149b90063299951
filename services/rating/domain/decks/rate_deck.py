"""A rate deck: what usage of each prefix costs."""

from collections.abc import Mapping
from typing import NamedTuple

from services.rating.domain.usage import Service

NUMBER_DIGITS_MAX = 15
# First and next increments and minimums: of calls in seconds, of other services in base units.
INCREMENT_SECONDS_MAX = 86_400
INCREMENT_BASE_UNITS_MAX = 10**9
GRACE_SECONDS_MAX = 86_400
# A thousand million units a minute: far above any price, low enough for a day of it in 64 bits.
PRICE_NANOS_MAX = 10**18
CONNECT_FEE_MICROS_MAX = 10**15


class Rate(NamedTuple):
    """One row of a deck."""

    prefix: str
    destination: str
    price_nanos: int
    """Per unit of the deck's service: minute, message, megabyte, number and month."""
    connect_fee_micros: int
    first_increment: int
    """Increments and minimum are in base units of the service: seconds, messages, bytes."""
    next_increment: int
    minimum: int
    grace_seconds: int
    """A call not longer than this costs nothing."""
    row_number: int
    """The line of the file that it came from."""


def increment_max(service: Service) -> int:
    """The largest increment or minimum of a service."""
    return INCREMENT_SECONDS_MAX if service is Service.VOICE else INCREMENT_BASE_UNITS_MAX


def longest_prefix(rates: Mapping[str, Rate], number: str) -> Rate | None:
    """The rate of the longest prefix of a number: the definition that PrefixTable is tested by."""
    for length in range(len(number), 0, -1):
        rate = rates.get(number[:length])
        if rate is not None:
            return rate
    return None
