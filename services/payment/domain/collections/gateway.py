"""What payment asks of a payment gateway, and what a gateway may answer."""

from datetime import date
from enum import IntEnum
from typing import NamedTuple

from kernel.money import Money


class InstrumentKind(IntEnum):
    """What money is taken from."""

    CARD = 1
    DIRECT_DEBIT = 2


class InstrumentDetails(NamedTuple):
    """What a gateway tells of a payment instrument; nothing that could be used to pay with."""

    kind: InstrumentKind
    # For people who know the instrument: "Visa 4242".
    label: str
    # The first day of the month at whose end it expires; unset: it does not.
    expire_month: date | None


class Debit(NamedTuple):
    """Money that is to be taken from an instrument, once, however often it is asked for."""

    tenant_id: str
    collection_id: str
    amount: Money
    customer_reference: str
    method_reference: str
    description: str


class SettlementState(IntEnum):
    """How far a debit has come."""

    PENDING = 1
    SUCCEEDED = 2
    DECLINED = 3


class Settlement(NamedTuple):
    """What has become of a debit."""

    state: SettlementState
    # Set once it has succeeded.
    received: Money | None = None
    # Why it was declined, in the gateway's word.
    failure_code: str = ""
    # Whether the same debit may succeed at another time.
    may_retry: bool = False


class GatewayUnavailable(Exception):  # noqa: N818 - named like the state it tells of
    """Nothing is known of what was asked, not even whether it was done; ask again later."""


class DebitRefused(Exception):  # noqa: N818 - named like what has happened
    """The gateway will never take this debit; no money has moved, nor will any."""

    def __init__(self, failure_code: str) -> None:
        super().__init__(f"the gateway refuses the debit: {failure_code}")
        # In the gateway's word.
        self.failure_code = failure_code
