"""What the wire carries comes back to the micro, the nano, the millisecond and the microsecond."""

from datetime import UTC, date, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money as MoneyMessage
from hypothesis import given
from hypothesis import strategies as st

from chassis.grpc import convert
from kernel.errors import DomainError
from kernel.money import Money
from kernel.period import Period

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)
MOMENTS = st.datetimes(timezones=st.just(UTC))
START = datetime(2026, 11, 1, tzinfo=UTC)


@given(INT64, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_survives_the_wire_to_the_micro(micros: int, currency: str) -> None:
    """Any amount that can be stored, of either sign."""
    message = convert.money_to_proto(Money(currency, micros))
    assert message.units * message.nanos >= 0
    assert abs(message.nanos) < 10**9
    assert convert.money_from_proto(message) == Money(currency, micros)


@pytest.mark.parametrize(
    "message",
    [
        MoneyMessage(currency_code="EUR", units=1, nanos=-1_000),
        MoneyMessage(currency_code="EUR", units=1, nanos=1_000_000_000),
        MoneyMessage(currency_code="EUR", nanos=999),
        MoneyMessage(currency_code="EUR", units=2**62),
    ],
)
def test_an_amount_that_cannot_be_exact_is_refused(message: MoneyMessage) -> None:
    """Mixed signs, nanos that are a whole unit, less than a micro, more than 64 bits."""
    with pytest.raises(DomainError, match="INVALID_AMOUNT"):
        convert.money_from_proto(message)


def test_an_amount_in_no_currency_is_refused() -> None:
    """A message left unset has no currency."""
    with pytest.raises(DomainError, match="UNKNOWN_CURRENCY"):
        convert.money_from_proto(MoneyMessage())


@given(INT64)
def test_a_price_survives_the_wire_to_the_nano(nanos: int) -> None:
    """Any price that can be stored, written in its shortest form."""
    message = convert.nanos_to_decimal(nanos)
    assert "e" not in message.value.lower()
    assert convert.decimal_to_nanos(message) == nanos


@pytest.mark.parametrize(
    ("text", "nanos"),
    [("0.0125", 12_500_000), ("1.25e-2", 12_500_000), ("-3", -3 * 10**9), (".5", 5 * 10**8)],
)
def test_a_price_is_read_in_every_form_that_the_standard_allows(text: str, nanos: int) -> None:
    """With or without a leading digit, a sign or an exponent."""
    assert convert.decimal_to_nanos(Decimal(value=text)) == nanos


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "1,5", "NaN", "sNaN", "Infinity"),
        *("1e-10", "0.0000000001", "0." + "0" * 50 + "1", "1e-999999999"),
        *("1e10", "1e999999999", "-1e400", "1" * 65),
    ],
)
def test_a_text_that_is_no_exact_price_is_refused(text: str) -> None:
    """Neither rounded nor guessed."""
    with pytest.raises(DomainError, match="INVALID_DECIMAL"):
        convert.decimal_to_nanos(Decimal(value=text))


@given(MOMENTS.filter(lambda moment: moment != datetime(1970, 1, 1, tzinfo=UTC)))
def test_a_moment_survives_the_wire_to_the_microsecond(moment: datetime) -> None:
    """Before and after 1970 alike."""
    message = convert.time_to_proto(moment)
    assert message is not None
    assert convert.time_from_proto(message) == moment


def test_an_unset_time_is_none() -> None:
    """Absence is unset, never the zero time."""
    assert convert.time_to_proto(None) is None
    assert convert.time_from_proto(Timestamp()) is None
    with pytest.raises(DomainError, match="INVALID_TIME: time 'end_time'"):
        convert.required_time(Timestamp(), "end_time")


@pytest.mark.parametrize(
    "message",
    [Timestamp(seconds=2**62), Timestamp(seconds=1, nanos=-1), Timestamp(seconds=-(2**62))],
)
def test_a_moment_outside_the_calendar_is_refused(message: Timestamp) -> None:
    """The wire can carry what no calendar has."""
    with pytest.raises(DomainError, match="INVALID_TIME"):
        convert.time_from_proto(message)


@given(st.integers(-(10**14), 10**14))
def test_a_duration_survives_the_wire_to_the_millisecond(milliseconds: int) -> None:
    """Durations are whole milliseconds everywhere."""
    message = convert.duration_ms_to_proto(milliseconds)
    assert message.ToTimedelta() == timedelta(milliseconds=milliseconds)
    assert convert.duration_ms_from_proto(message) == milliseconds


@pytest.mark.parametrize("message", [Duration(nanos=1), Duration(seconds=1, nanos=-1)])
def test_a_duration_that_cannot_be_exact_is_refused(message: Duration) -> None:
    """How to round it is the sender's to say."""
    with pytest.raises(DomainError, match="INVALID_DURATION"):
        convert.duration_ms_from_proto(message)


@given(st.dates())
def test_a_day_survives_the_wire(day: date) -> None:
    """Due dates and invoice dates."""
    message = convert.date_to_proto(day)
    assert message is not None
    assert convert.date_from_proto(message) == day


def test_a_day_that_does_not_exist_is_refused() -> None:
    """30 February is a slip, an empty date is none."""
    assert convert.date_from_proto(Date()) is None
    with pytest.raises(DomainError, match="INVALID_DATE"):
        convert.date_from_proto(Date(year=2026, month=2, day=30))


def test_a_span_of_time_may_be_open() -> None:
    """A period has both ends; a filter may lack either."""
    period = Period(START, START + timedelta(days=30))
    assert convert.period_from_proto(convert.range_to_proto(period)) == period
    assert convert.range_from_proto(convert.range_to_proto((START, None))) == (START, None)
    with pytest.raises(DomainError, match="INVALID_TIME: time 'end_time'"):
        convert.period_from_proto(convert.range_to_proto((START, None)))


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    """A filter with its ends swapped finds nothing: say so."""
    with pytest.raises(DomainError, match="INVALID_PERIOD"):
        convert.range_from_proto(convert.range_to_proto((START, START - timedelta(days=1))))
