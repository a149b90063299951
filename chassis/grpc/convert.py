"""Values of the kernel to standard messages and back; what does not fit exactly is refused."""

import decimal
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money as MoneyMessage

from kernel.clock import EPOCH, MICROS_PER_SECOND, MS_PER_SECOND, from_micros, to_micros
from kernel.errors import DomainError, ErrorKind
from kernel.money import MICROS_PER_UNIT, NANOS_PER_MICRO, NANOS_PER_UNIT, Money
from kernel.period import Period
from tollbook.type.v1.time_range_pb2 import TimeRange
from tollbook.type.v1.watermark_pb2 import Watermark

NANOS_PER_MILLISECOND = 1_000_000
PRICE_DECIMALS = 9
# What the databases store.
INT64_MAX = 2**63 - 1
DECIMAL_CHARACTERS_MAX = 64

# Exact or an error; wide enough for every text of the permitted length.
_EXACT = decimal.Context(prec=2 * DECIMAL_CHARACTERS_MAX, traps=[decimal.Inexact, decimal.Overflow])

_FIRST_SECOND = (datetime.min.replace(tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(seconds=1)
_LAST_SECOND = (datetime.max.replace(tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(seconds=1)


def money_to_proto(amount: Money) -> MoneyMessage:
    """An amount as google.type.Money."""
    return micros_to_money(amount.currency, amount.micros)


def micros_to_money(currency: str, micros: int) -> MoneyMessage:
    """Micros of a currency as google.type.Money, whose units and nanos have the same sign."""
    sign = -1 if micros < 0 else 1
    units, rest = divmod(abs(micros), MICROS_PER_UNIT)
    return MoneyMessage(
        currency_code=currency, units=sign * units, nanos=sign * rest * NANOS_PER_MICRO
    )


def money_from_proto(message: MoneyMessage) -> Money:
    """The amount, to the micro.

    Raises INVALID_ARGUMENT UNKNOWN_CURRENCY, and INVALID_AMOUNT when units and nanos disagree in
    sign, the amount is finer than a micro or larger than can be stored.
    """
    units, nanos = message.units, message.nanos
    if units * nanos < 0 or abs(nanos) >= NANOS_PER_UNIT:
        raise _invalid("AMOUNT", message, "units and nanos need the same sign, nanos below 10⁹")
    micros, rest = divmod(units * NANOS_PER_UNIT + nanos, NANOS_PER_MICRO)
    if rest:
        raise _invalid("AMOUNT", message, "give at most six decimals")
    if abs(micros) > INT64_MAX:
        raise _invalid("AMOUNT", message, "it is too large")
    return Money(message.currency_code, micros)


def nanos_to_decimal(nanos: int) -> Decimal:
    """An integer of nanos as google.type.Decimal in its shortest form: 12500000 is 0.0125."""
    sign = "-" if nanos < 0 else ""
    units, fraction = divmod(abs(nanos), NANOS_PER_UNIT)
    decimals = f"{fraction:0{PRICE_DECIMALS}d}".rstrip("0")
    return Decimal(value=f"{sign}{units}.{decimals}" if decimals else f"{sign}{units}")


def decimal_to_nanos(message: Decimal) -> int:
    """The exact integer of nanos.

    Raises INVALID_ARGUMENT INVALID_DECIMAL for what is no decimal number, has more than nine
    decimals or is larger than can be stored.
    """
    text = message.value
    if len(text) > DECIMAL_CHARACTERS_MAX:
        raise _invalid("DECIMAL", text[:DECIMAL_CHARACTERS_MAX], "it is too long")
    try:
        number = _EXACT.create_decimal(text)
        nanos = _EXACT.scaleb(number, PRICE_DECIMALS)
        whole = _EXACT.to_integral_exact(nanos)
    except decimal.Inexact:
        raise _invalid("DECIMAL", text, "give at most nine decimals") from None
    except (decimal.InvalidOperation, decimal.Overflow):
        raise _invalid("DECIMAL", text, "give a number like 0.0125") from None
    if not whole.is_finite() or abs(whole) > INT64_MAX:
        raise _invalid("DECIMAL", text, "give a number that is finite and below nine billion")
    return int(whole)


def time_to_proto(moment: datetime | None) -> Timestamp | None:
    """A moment as a Timestamp; None, which leaves a field unset, for None."""
    if moment is None:
        return None
    seconds, micros = divmod(to_micros(moment), MICROS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=micros * NANOS_PER_MICRO)


def time_from_proto(message: Timestamp) -> datetime | None:
    """The moment, cut to the microsecond; None for an unset field.

    Raises INVALID_ARGUMENT INVALID_TIME outside the years 1 to 9999.
    """
    if not message.seconds and not message.nanos:
        return None
    if (
        not _FIRST_SECOND <= message.seconds <= _LAST_SECOND
        or not 0 <= message.nanos < NANOS_PER_UNIT
    ):
        raise _invalid("TIME", message, "give a moment in the years 1 to 9999")
    return from_micros(message.seconds * MICROS_PER_SECOND + message.nanos // NANOS_PER_MICRO)


def required_time(message: Timestamp, field: str) -> datetime:
    """The moment of a field that must be set. Raises INVALID_ARGUMENT INVALID_TIME."""
    moment = time_from_proto(message)
    if moment is None:
        raise _invalid("TIME", field, "set it")
    return moment


def duration_ms_to_proto(milliseconds: int) -> Duration:
    """Milliseconds as a Duration, whose seconds and nanos have the same sign."""
    sign = -1 if milliseconds < 0 else 1
    seconds, rest = divmod(abs(milliseconds), MS_PER_SECOND)
    return Duration(seconds=sign * seconds, nanos=sign * rest * NANOS_PER_MILLISECOND)


def duration_ms_from_proto(message: Duration) -> int:
    """The exact milliseconds; an unset field is 0.

    Raises INVALID_ARGUMENT INVALID_DURATION when seconds and nanos disagree in sign or the
    duration is finer than a millisecond: how it is to be rounded is for the sender to say.
    """
    seconds, nanos = message.seconds, message.nanos
    if seconds * nanos < 0 or abs(nanos) >= NANOS_PER_UNIT:
        raise _invalid("DURATION", message, "seconds and nanos need the same sign")
    milliseconds, rest = divmod(seconds * NANOS_PER_UNIT + nanos, NANOS_PER_MILLISECOND)
    if rest:
        raise _invalid("DURATION", message, "give whole milliseconds")
    return milliseconds


def date_to_proto(day: date | None) -> Date | None:
    """A day as google.type.Date; None, which leaves a field unset, for None."""
    return None if day is None else Date(year=day.year, month=day.month, day=day.day)


def date_from_proto(message: Date) -> date | None:
    """The day; None for an unset field. Raises INVALID_ARGUMENT INVALID_DATE for no real day."""
    if not message.year and not message.month and not message.day:
        return None
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise _invalid("DATE", message, "give a year, a month and a day that exist") from None


def range_to_proto(span: Period | tuple[datetime | None, datetime | None]) -> TimeRange:
    """A span of time as a TimeRange; an end of None leaves it open."""
    start, end = (span.start, span.end) if isinstance(span, Period) else span
    return TimeRange(start_time=time_to_proto(start), end_time=time_to_proto(end))


def range_from_proto(message: TimeRange) -> tuple[datetime | None, datetime | None]:
    """The start and end of a span, each None where it is open.

    Raises INVALID_ARGUMENT INVALID_TIME, and INVALID_PERIOD when it ends before it starts.
    """
    start, end = time_from_proto(message.start_time), time_from_proto(message.end_time)
    if start is not None and end is not None:
        Period(start, end)
    return start, end


def period_from_proto(message: TimeRange) -> Period:
    """The period; both ends are required. Raises INVALID_ARGUMENT INVALID_TIME, INVALID_PERIOD."""
    return Period(
        required_time(message.start_time, "start_time"), required_time(message.end_time, "end_time")
    )


def watermarks_from_proto(marks: Iterable[Watermark], producer: str) -> dict[int, int]:
    """The last sequence that counts of each partition of a producer."""
    # Sequences are stored as signed integers: what is beyond all of them counts all.
    return {
        mark.partition: min(mark.sequence, INT64_MAX) for mark in marks if mark.producer == producer
    }


def _invalid(noun: str, value: object, advice: str) -> DomainError:
    """The refusal of a value: INVALID_AMOUNT, INVALID_DECIMAL, INVALID_TIME, ..."""
    shown = " ".join(str(value).split())
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        f"INVALID_{noun}",
        f"{noun.lower()} {shown!r} cannot be taken: {advice}",
        {"value": shown},
    )
