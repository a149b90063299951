"""Charges and their receipts to the messages of the contract."""

from chassis.grpc.convert import (
    money_to_proto,
    range_to_proto,
    time_to_proto,
)
from kernel.clock import from_micros
from kernel.money import Money
from kernel.period import Period
from services.rating.api.convert_receipts import receipt_to_proto
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.charges.margin import Margin
from tollbook.rating.v1 import charge_pb2
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind, Party, RatingOutcome

# No call has it: keys begin with the time of the call.
NO_CHARGE = bytes(16)


def charge_key(charge_id: str) -> bytes:
    """The key that a text stands for; a text that is none belongs to no charge."""
    try:
        key = bytes.fromhex(charge_id)
    except ValueError:
        return NO_CHARGE
    return key if len(key) == len(NO_CHARGE) else NO_CHARGE


def charge_to_proto(charge: ChargeRevision, margin: Margin | None = None) -> charge_pb2.Charge:
    """A charge with its receipt; without amount and period while it has no price."""
    message = charge_pb2.Charge(
        charge_id=charge.charge_id.hex(),
        revision=charge.revision,
        call_key=CallKey(kind=CallKeyKind.ValueType(charge.call_key_kind), value=charge.call_key),
        leg=charge.leg,
        party=Party.ValueType(charge.party),
        party_level=charge.party_level,
        account_id=charge.account_id,
        payer_account_id=charge.payer_account_id,
        outcome=RatingOutcome.ValueType(charge.outcome),
        unrated_reason=charge.unrated_reason,
        correction=bool(charge.correction),
        settle_time=time_to_proto(from_micros(charge.settle_time)),
    )
    if charge.period_start is not None and charge.period_end is not None:
        period = Period(from_micros(charge.period_start), from_micros(charge.period_end))
        message.billing_period.CopyFrom(range_to_proto(period))
    if charge.currency:
        message.amount.CopyFrom(money_to_proto(Money(charge.currency, charge.amount_micros)))
        delta = Money(charge.currency, charge.amount_delta_micros)
        message.amount_delta.CopyFrom(money_to_proto(delta))
        message.receipt.CopyFrom(receipt_to_proto(charge.receipt))
    if margin is not None:
        earned = margin.revenue_micros - margin.cost_micros
        message.margin.CopyFrom(money_to_proto(Money(margin.currency, earned)))
        message.cost.CopyFrom(money_to_proto(Money(margin.currency, margin.cost_micros)))
    return message
