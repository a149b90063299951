"""Adjustments: what people do to the money of accounts beside usage, invoices and payments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from kernel.errors import FieldViolation
from kernel.ids import is_uuid
from kernel.money import Money
from kernel.rounding import RoundingMode, round_ratio
from services.payment.domain.adjustments.adjustment_errors import invalid_adjustment
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS, EntryReason

NOTE_CHARACTERS_MAX = 500
RATE_SOURCE_CHARACTERS_MAX = 200

_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What an exchange was made by: the exact rate and where it comes from.

    Raises:
        DomainError: INVALID_ADJUSTMENT.
    """

    text: str
    """Units of the bought currency for one unit of the sold one; the other way round if inverse."""
    is_inverse: bool
    source: str

    def __post_init__(self) -> None:
        _check(self._violations())

    def exchanged(self, amount: Money, currency: str) -> Money:
        """The amount in another currency, rounded down once: there and back wins nothing.

        Raises:
            DomainError: INVALID_ADJUSTMENT when nothing is left, or more than can be posted.
        """
        rate = 1 / Fraction(self.text) if self.is_inverse else Fraction(self.text)
        exact = amount.micros * rate
        micros = round_ratio(exact.numerator, exact.denominator, RoundingMode.DOWN)
        if not 0 < micros <= POSTING_MAX_MICROS:
            rule = f"worth at least a micro and at most 9,000,000,000,000 {currency}"
            raise invalid_adjustment([FieldViolation("amount", rule)])
        return Money(currency, micros)

    def _violations(self) -> Iterator[FieldViolation]:
        if not _RATE.fullmatch(self.text) or not Fraction(self.text):
            rule = "above 0, at most twelve digits before and after the point"
            yield FieldViolation("rate", rule)
        yield from _text_violations("rate_source", self.source, RATE_SOURCE_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to be done: how much of whose money, and why.

    Raises:
        DomainError: INVALID_ADJUSTMENT, with every field that breaks its rule.
    """

    adjustment_id: str
    account_id: str
    amount: Money
    note: str
    actor: str
    counter_account_id: str = ""
    invoice_id: str = ""
    """Of a write-off, what is given up first."""

    def __post_init__(self) -> None:
        _check(self._violations())

    def _violations(self) -> Iterator[FieldViolation]:
        if not 0 < self.amount.micros <= POSTING_MAX_MICROS:
            yield FieldViolation("amount", "positive, at most 9,000,000,000,000 units")
        yield from _text_violations("note", self.note, NOTE_CHARACTERS_MAX)
        if self.invoice_id and not is_uuid(self.invoice_id):
            yield FieldViolation("invoice_id", "empty, or a UUID in small letters")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What was done, with the entries that did it."""

    tenant_id: str
    adjustment_id: str
    reason: EntryReason
    account_id: str
    amount: Money
    note: str
    actor: str
    create_time: datetime
    journal_entry_ids: tuple[UUID, ...]
    counter_account_id: str = ""
    counter_amount: Money | None = None
    rate: ExchangeRate | None = None
    corrected_entry_id: UUID | None = None


def require_expiry(expire_time: datetime | None, now: datetime) -> datetime:
    """The time at which promotional credit expires. Raises INVALID_ADJUSTMENT."""
    if expire_time is None or expire_time <= now:
        raise invalid_adjustment([FieldViolation("expire_time", "a time that is still to come")])
    return expire_time


def _check(violations: Iterator[FieldViolation]) -> None:
    if found := list(violations):
        raise invalid_adjustment(found)


def _text_violations(field: str, text: str, longest: int) -> Iterator[FieldViolation]:
    if not 0 < len(text.strip()) <= len(text) <= longest:
        yield FieldViolation(field, f"1 to {longest} characters")
