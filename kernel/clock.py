"""Time: always UTC, to the microsecond."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MS_PER_SECOND = 1_000
MICROS_PER_MS = 1_000
MICROS_PER_SECOND = 1_000_000

_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """The present, by the system's clock."""
    return datetime.now(UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC; a moment without a zone is a TypeError."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment that many microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=micros)
