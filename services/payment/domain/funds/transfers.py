"""The steps of a two-phase transfer: hold, change, capture, release, and what became of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple

from kernel.errors import DomainError, FieldViolation
from kernel.ids import is_uuid
from kernel.money import Money
from services.payment.domain.funds.holds import Hold
from services.payment.domain.funds.transfer_errors import invalid_transfer
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS, EventSource

STEPS_MAX = 1_000
REQUEST_ID_CHARACTERS_MAX = 100
REFERENCE_CHARACTERS_MAX = 255
CHARGE_ID_BYTES = 16
VALIDITY_MIN = timedelta(seconds=1)
VALIDITY_MAX = timedelta(hours=24)

_AMOUNT_RULE = "not negative, at most 9,000,000,000,000 units"


class OverrunPolicy(IntEnum):
    """What a capture does with what exceeds its hold."""

    POST_ALL = 1
    REFUSE = 2


class ChargeRevision(NamedTuple):
    """What is captured once, whoever comes first: the capture or rating's event."""

    charge_id: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set money aside: the amount, or all there is if that is at least the minimum."""

    hold_id: str
    account_id: str
    amount: Money
    minimum: Money | None
    validity: timedelta
    reference: str

    def violations(self) -> Iterator[FieldViolation]:
        """The rules that this step breaks."""
        yield from _hold_id_violations("place", self.hold_id)
        yield from _amount_violations("place", self.amount, self.minimum, self.validity)
        if not 0 < len(self.reference) <= REFERENCE_CHARACTERS_MAX or "\0" in self.reference:
            yield FieldViolation(
                "place.reference", f"1 to {REFERENCE_CHARACTERS_MAX} characters, no NUL"
            )


@dataclass(frozen=True, slots=True)
class ChangeHold:
    """Set aside more or less in all, for longer; never less than now unless that is asked for."""

    hold_id: str
    amount: Money
    minimum: Money | None
    validity: timedelta

    def violations(self) -> Iterator[FieldViolation]:
        """The rules that this step breaks."""
        yield from _hold_id_violations("change", self.hold_id)
        yield from _amount_violations("change", self.amount, self.minimum, self.validity)


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """Post a charge and end its hold."""

    hold_id: str
    charge: ChargeRevision
    amount: Money
    overrun: OverrunPolicy
    source: EventSource | None

    def violations(self) -> Iterator[FieldViolation]:
        """The rules that this step breaks."""
        yield from _hold_id_violations("capture", self.hold_id)
        if len(self.charge.charge_id) != CHARGE_ID_BYTES:
            yield FieldViolation("capture.charge_id", f"{CHARGE_ID_BYTES} bytes")
        if self.charge.revision < 1:
            yield FieldViolation("capture.revision", "1 or more")
        if abs(self.amount.micros) > POSTING_MAX_MICROS:
            yield FieldViolation("capture.amount", "within ±9,000,000,000,000 units")


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Give back what a hold has."""

    hold_id: str

    def violations(self) -> Iterator[FieldViolation]:
        """The rules that this step breaks."""
        yield from _hold_id_violations("release", self.hold_id)


Step = PlaceHold | ChangeHold | CaptureHold | ReleaseHold


@dataclass(frozen=True, slots=True)
class Transfer:
    """One step under the id that makes it happen once.

    Raises:
        DomainError: INVALID_TRANSFER, with every field that breaks its rule.
    """

    request_id: str
    fingerprint: bytes
    """Tells a repetition from another step under the same id."""
    actor: str
    step: Step

    def __post_init__(self) -> None:
        if violations := list(self._violations()):
            raise invalid_transfer(violations)

    def _violations(self) -> Iterator[FieldViolation]:
        if not 0 < len(self.request_id) <= REQUEST_ID_CHARACTERS_MAX or "\0" in self.request_id:
            yield FieldViolation(
                "request_id", f"1 to {REQUEST_ID_CHARACTERS_MAX} characters, no NUL"
            )
        yield from self.step.violations()


class Result(NamedTuple):
    """What became of a step: the hold after it, or why it changed nothing."""

    hold: Hold | None
    error: DomainError | None
    # What the account could still hold then; None without a limit, or of an unknown account.
    available: Money | None = None


class Executed(NamedTuple):
    """A step that was executed before: what tells it, and what it was answered."""

    fingerprint: bytes
    result: Result


def _hold_id_violations(step: str, hold_id: str) -> Iterator[FieldViolation]:
    if not is_uuid(hold_id):
        yield FieldViolation(f"{step}.hold_id", "a UUID in small letters")


def _amount_violations(
    step: str, amount: Money, minimum: Money | None, validity: timedelta
) -> Iterator[FieldViolation]:
    if not 0 <= amount.micros <= POSTING_MAX_MICROS:
        yield FieldViolation(f"{step}.amount", _AMOUNT_RULE)
    if minimum is not None and not _is_minimum(minimum, amount):
        yield FieldViolation(f"{step}.minimum", "from 0 to the amount, in its currency")
    if not VALIDITY_MIN <= validity <= VALIDITY_MAX:
        yield FieldViolation(f"{step}.validity", "1 second to 24 hours")


def _is_minimum(minimum: Money, amount: Money) -> bool:
    return minimum.currency == amount.currency and 0 <= minimum.micros <= amount.micros
