"""Payment instruments: cards and mandates that a gateway keeps, known here by reference only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kernel.errors import FieldViolation
from kernel.ids import new_uuid
from services.payment.domain.collections.collection import (
    Collection,
    CollectionOrder,
    CollectionPurpose,
)
from services.payment.domain.collections.collection_errors import invalid_instrument
from services.payment.domain.collections.gateway import InstrumentDetails

GATEWAYS = ("stripe",)
REFERENCE_CHARACTERS_MAX = 255
CARD_DIGITS_MIN = 13
CARD_DIGITS_MAX = 19

_REFERENCE = re.compile(rf"[A-Za-z0-9_-]{{1,{REFERENCE_CHARACTERS_MAX}}}")
_SEPARATORS = re.compile(r"[_-]")
_DIGITS = re.compile(rf"[0-9]{{{CARD_DIGITS_MIN},}}")


@dataclass(frozen=True, slots=True)
class InstrumentReference:
    """What a gateway calls an instrument and who pays with it.

    Raises:
        DomainError: INVALID_INSTRUMENT, with every field that breaks its rule.
    """

    gateway: str
    customer: str
    method: str

    def __post_init__(self) -> None:
        if violations := list(self._violations()):
            raise invalid_instrument(violations)

    def _violations(self) -> Iterator[FieldViolation]:
        if self.gateway not in GATEWAYS:
            yield FieldViolation("instrument.gateway", f"one of {', '.join(GATEWAYS)}")
        references = {"customer_reference": self.customer, "method_reference": self.method}
        for name, text in references.items():
            if not _REFERENCE.fullmatch(text):
                rule = f"1 to {REFERENCE_CHARACTERS_MAX} letters, digits, underscores and hyphens"
                yield FieldViolation(f"instrument.{name}", rule)
            elif has_card_number(text):
                rule = "what the gateway calls it, never the number of a card"
                yield FieldViolation(f"instrument.{name}", rule)


@dataclass(frozen=True, slots=True)
class PaymentInstrument:
    """What money may be taken from."""

    tenant_id: str
    instrument_id: str
    account_id: str
    reference: InstrumentReference
    details: InstrumentDetails
    create_time: datetime


def new_collection(
    order: CollectionOrder,
    instrument: PaymentInstrument,
    purpose: CollectionPurpose,
    actor: str,
    now: datetime,
) -> Collection:
    """A new collection from an instrument; it is due at once."""
    return Collection(
        tenant_id=instrument.tenant_id,
        collection_id=new_uuid(),
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        gateway=instrument.reference.gateway,
        kind=instrument.details.kind,
        amount=order.amount,
        purpose=purpose,
        actor=actor,
        create_time=now,
        next_attempt_time=now,
        invoice_id=order.invoice_id,
    )


def has_card_number(text: str) -> bool:
    """Whether digits in a text could be the number of a card, in groups or not."""
    runs = _DIGITS.findall(_SEPARATORS.sub("", text))
    return any(_passes_luhn(number) for run in runs for number in _windows(run))


def _windows(digits: str) -> Iterator[str]:
    for length in range(CARD_DIGITS_MIN, CARD_DIGITS_MAX + 1):
        for start in range(len(digits) - length + 1):
            yield digits[start : start + length]


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
