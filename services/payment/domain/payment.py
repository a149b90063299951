"""A payment that was received outside the suite, with what proves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from kernel.errors import FieldViolation
from kernel.ids import is_uuid
from kernel.money import Money
from services.payment.domain.errors import invalid_payment
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS

EVIDENCE_CHARACTERS_MAX = 500


class PaymentMethod(IntEnum):
    """How money was received."""

    BANK_TRANSFER = 1
    CASH = 2
    CARD = 3
    DIRECT_DEBIT = 4


# Recorded by people; the others by the collections that have taken them.
METHODS_OF_PEOPLE = frozenset({PaymentMethod.BANK_TRANSFER, PaymentMethod.CASH})
METHODS_OF_INSTRUMENTS = frozenset(PaymentMethod) - METHODS_OF_PEOPLE


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the person who records a payment states.

    Raises:
        DomainError: INVALID_PAYMENT, with every field that breaks its rule.
    """

    payment_id: str
    account_id: str
    method: int
    amount: Money
    value_date: date | None
    evidence: str
    invoice_id: str

    def __post_init__(self) -> None:
        if violations := list(self._violations()):
            raise invalid_payment(violations)

    def require_method_of_people(self) -> None:
        """Refuse what only a collection can have received: INVALID_PAYMENT."""
        if self.method not in METHODS_OF_PEOPLE:
            rule = "by bank transfer or in cash; CollectPayment takes money from instruments"
            raise invalid_payment([FieldViolation("payment.method", rule)])

    def _violations(self) -> Iterator[FieldViolation]:
        if not is_uuid(self.payment_id):
            yield FieldViolation("payment.payment_id", "a UUID in small letters")
        if self.method not in set(PaymentMethod):
            yield FieldViolation("payment.method", "how it was paid is needed")
        if not 0 < self.amount.micros <= POSTING_MAX_MICROS:
            yield FieldViolation("payment.amount", "positive, at most 9,000,000,000,000 units")
        if self.value_date is None:
            yield FieldViolation("payment.value_date", "the day it was received is needed")
        if not 0 < len(self.evidence.strip()) <= len(self.evidence) <= EVIDENCE_CHARACTERS_MAX:
            yield FieldViolation("payment.evidence", f"1 to {EVIDENCE_CHARACTERS_MAX} characters")
        if self.invoice_id and not is_uuid(self.invoice_id):
            yield FieldViolation("payment.invoice_id", "empty, or a UUID in small letters")


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment: what was stated, who recorded it and when."""

    receipt: Receipt
    actor: str
    create_time: datetime
