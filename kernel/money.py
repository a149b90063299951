"""Money: an exact integer of micros (10⁻⁶ of the currency unit) with its currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernel.currencies import MINOR_UNIT_DECIMALS
from kernel.errors import DomainError, ErrorKind

MICROS_PER_UNIT = 1_000_000
NANOS_PER_MICRO = 1_000
NANOS_PER_UNIT = NANOS_PER_MICRO * MICROS_PER_UNIT


class CurrencyMismatch(DomainError):  # noqa: N818 - named like its reason, as callers know it
    """Amounts of two currencies met where only one makes sense."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            ErrorKind.FAILED_PRECONDITION,
            "CURRENCY_MISMATCH",
            f"expected an amount in {expected}, found {found}; exchange it first",
            {"expected": expected, "found": found},
        )


def is_currency(code: str) -> bool:
    """Whether a text is the code of a currency that can be billed."""
    return code in MINOR_UNIT_DECIMALS


def minor_unit_decimals(currency: str) -> int:
    """The decimals of a currency's minor unit (EUR 2, JPY 0); UNKNOWN_CURRENCY otherwise."""
    decimals = MINOR_UNIT_DECIMALS.get(currency)
    if decimals is None:
        raise _unknown_currency(currency)
    return decimals


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; negative when it is owed the other way. UNKNOWN_CURRENCY outside ISO 4217."""

    currency: str
    micros: int

    def __post_init__(self) -> None:
        if self.currency not in MINOR_UNIT_DECIMALS:
            raise _unknown_currency(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.currency, self.micros + self._micros_of(other))

    def __sub__(self, other: Money) -> Money:
        return Money(self.currency, self.micros - self._micros_of(other))

    def __neg__(self) -> Money:
        return Money(self.currency, -self.micros)

    def _micros_of(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other.micros


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts of one currency; zero of it when there are none. CURRENCY_MISMATCH."""
    return sum(amounts, start=Money(currency, 0))


def _unknown_currency(code: str) -> DomainError:
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "UNKNOWN_CURRENCY",
        f"{code!r} is not a currency of ISO 4217; write three capital letters, e.g. EUR",
        {"currency": code},
    )
