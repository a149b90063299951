"""Moments of requests for which there may be prices: others are refused."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.grpc.convert import period_from_proto, required_time
from kernel.clock import to_micros
from kernel.period import Period
from services.rating.domain.errors import invalid_field
from tollbook.type.v1.time_range_pb2 import TimeRange

# Time zones are known for these years; bands and periods of others cannot be told.
FIRST_MICROS = 0
LAST_MICROS = 7_258_118_400 * 10**6  # the end of the year 2199


def rated_time(field: str, message: Timestamp) -> datetime:
    """A moment that must be set. INVALID_TIME."""
    return _checked(field, required_time(message, field))


def rated_period(field: str, message: TimeRange) -> Period:
    """A period; both ends are required. INVALID_TIME, INVALID_PERIOD."""
    period = period_from_proto(message)
    _checked(field, period.start)
    _checked(field, period.end)
    return period


def is_rated(micros: int) -> bool:
    """Whether there may be prices for a moment in microseconds."""
    return FIRST_MICROS <= micros < LAST_MICROS


def checked_micros(field: str, micros: int) -> int:
    """A moment in microseconds. INVALID_TIME."""
    if not is_rated(micros):
        problem = f"{micros} microseconds since 1970 is not in the years 1970 to 2199"
        raise invalid_field("INVALID_TIME", field, problem)
    return micros


def _checked(field: str, moment: datetime) -> datetime:
    checked_micros(field, to_micros(moment))
    return moment
