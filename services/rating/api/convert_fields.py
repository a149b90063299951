"""Single values of requests: read exactly, or refused with the field that they are in."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TypeVar

from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import decimal_to_nanos, money_from_proto, nanos_to_decimal
from kernel.errors import DomainError, FieldViolation
from services.rating.domain.errors import invalid_field

NANOS_PER_MILLIONTH = 1_000

E = TypeVar("E", bound=IntEnum)


@contextmanager
def in_field(field: str) -> Iterator[None]:
    """Name the field in an error that only knows its value."""
    try:
        yield
    except DomainError as error:
        raise DomainError(
            error.kind,
            error.reason,
            f"{field}: {error.message}",
            {**error.metadata, "field": field},
            [FieldViolation(field, error.message)],
        ) from None


def member(field: str, kind: type[E], number: int, default: E | None = None) -> E:
    """The value of an enumeration: INVALID_TERMS for none, or for one that is not known."""
    if number == 0 and default is not None:
        return default
    if number not in list(kind):
        names = ", ".join(each.name for each in kind)
        raise invalid_field("INVALID_TERMS", field, f"{number} is none of {names}")
    return kind(number)


def millionths_from_proto(field: str, message: Decimal) -> int:
    """A decimal with at most six decimals, in millionths: INVALID_DECIMAL."""
    millionths, rest = divmod(nanos_from_proto(field, message), NANOS_PER_MILLIONTH)
    if rest:
        problem = f"{message.value!r} is too fine; give at most six decimals"
        raise invalid_field("INVALID_DECIMAL", field, problem)
    return millionths


def millionths_to_proto(millionths: int) -> Decimal:
    """Millionths as a decimal."""
    return nanos_to_decimal(millionths * NANOS_PER_MILLIONTH)


def nanos_from_proto(field: str, message: Decimal) -> int:
    """A decimal with at most nine decimals, in nanos: INVALID_DECIMAL."""
    with in_field(field):
        return decimal_to_nanos(message)


def micros_from_proto(field: str, message: MoneyMessage) -> int:
    """An amount without its currency: INVALID_AMOUNT, UNKNOWN_CURRENCY."""
    with in_field(field):
        return money_from_proto(message).micros
