"""Collections: each is one time that money is asked of a payment instrument."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from kernel.errors import FieldViolation
from kernel.ids import is_uuid
from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals
from services.payment.domain.collections.collection_errors import invalid_collection
from services.payment.domain.collections.gateway import InstrumentKind, Settlement, SettlementState
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS

# An attempt that is not answered is made again after so long, then after twice as long, and so on
# for ever: in time each has an outcome. A first attempt that is slower than the pause may meet the
# next one of another replica, which does no harm.
ATTEMPT_PAUSE_MIN = timedelta(seconds=15)
ATTEMPT_PAUSE_MAX = timedelta(hours=1)
_DOUBLINGS_MAX = 8

CHARGEABLE_RULE = "positive, in whole minor units, at most 9,000,000,000,000 units"


class CollectionPurpose(IntEnum):
    """Why money is asked for; the values are those of tollbook.payment.v1.CollectionPurpose."""

    TOP_UP = 1
    REQUESTED = 2


@dataclass(frozen=True, slots=True)
class CollectionOrder:
    """What somebody wants to be collected.

    Raises:
        DomainError: INVALID_COLLECTION, with every field that breaks its rule.
    """

    account_id: str
    instrument_id: str
    amount: Money
    invoice_id: str = ""

    def __post_init__(self) -> None:
        if violations := list(self._violations()):
            raise invalid_collection(violations)

    def _violations(self) -> Iterator[FieldViolation]:
        if not is_chargeable(self.amount):
            yield FieldViolation("amount", CHARGEABLE_RULE)
        if self.invoice_id and not is_uuid(self.invoice_id):
            yield FieldViolation("invoice_id", "empty, or a UUID in small letters")


@dataclass(frozen=True, slots=True)
class Collection:
    """Money that is asked for, and what has become of it; the payment made of it has its id."""

    tenant_id: str
    collection_id: str
    account_id: str
    instrument_id: str
    """May have been detached since; the next two are needed then."""
    gateway: str
    kind: InstrumentKind
    amount: Money
    purpose: CollectionPurpose
    actor: str
    create_time: datetime
    next_attempt_time: datetime | None
    """Unset once it has ended."""
    invoice_id: str = ""
    state: SettlementState = SettlementState.PENDING
    reference: str = ""
    """What the gateway calls it; empty until that is known: no money has moved."""
    attempt_count: int = 0
    failure_code: str = ""
    received: Money | None = None
    end_time: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.state == SettlementState.PENDING

    def attempted(self, now: datetime) -> "Collection":
        """The collection when it is attempted now: who finds it pending then goes on with it."""
        return replace(
            self,
            attempt_count=self.attempt_count + 1,
            next_attempt_time=now + attempt_pause(self.attempt_count),
        )

    def ended(self, settlement: Settlement, now: datetime) -> "Collection":
        """The collection with its outcome."""
        return replace(
            self,
            state=settlement.state,
            failure_code=settlement.failure_code,
            received=settlement.received,
            next_attempt_time=None,
            end_time=now,
        )


def attempt_pause(attempt_count: int) -> timedelta:
    """How long after an attempt the next one follows, when so many were made before."""
    return min(ATTEMPT_PAUSE_MIN * (1 << min(attempt_count, _DOUBLINGS_MAX)), ATTEMPT_PAUSE_MAX)


def is_chargeable(amount: Money) -> bool:
    """Whether an amount can be taken from an instrument: in coins that there are."""
    minor_unit_micros = MICROS_PER_UNIT // 10 ** minor_unit_decimals(amount.currency)
    return 0 < amount.micros <= POSTING_MAX_MICROS and not amount.micros % minor_unit_micros
