"""Between the messages of collections and the values of the domain."""

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import (
    date_to_proto,
    money_from_proto,
    money_to_proto,
    time_to_proto,
)
from kernel.money import Money
from services.payment.domain.collections.collection import Collection, CollectionOrder
from services.payment.domain.collections.payment_instrument import (
    InstrumentReference,
    PaymentInstrument,
)
from services.payment.domain.collections.top_up import TopUp, TopUpPolicy
from tollbook.payment.v1 import collection_pb2 as messages
from tollbook.payment.v1.collection_service_pb2 import CollectPaymentRequest, SetTopUpPolicyRequest


def reference_from_proto(message: messages.PaymentInstrument) -> InstrumentReference:
    """What the gateway calls an instrument. Raises INVALID_INSTRUMENT."""
    return InstrumentReference(
        message.gateway, message.customer_reference, message.method_reference
    )


def instrument_to_proto(instrument: PaymentInstrument) -> messages.PaymentInstrument:
    """An instrument as the contract shows it."""
    reference, details = instrument.reference, instrument.details
    return messages.PaymentInstrument(
        instrument_id=instrument.instrument_id,
        account_id=instrument.account_id,
        gateway=reference.gateway,
        customer_reference=reference.customer,
        method_reference=reference.method,
        kind=messages.InstrumentKind.ValueType(details.kind),
        label=details.label,
        expire_month=date_to_proto(details.expire_month),
        create_time=time_to_proto(instrument.create_time),
    )


def policy_from_proto(request: SetTopUpPolicyRequest) -> TopUpPolicy | None:
    """The policy to be set; None: it is taken away.

    Raises:
        DomainError: INVALID_TOP_UP_POLICY, INVALID_AMOUNT, UNKNOWN_CURRENCY.
    """
    if not request.HasField("policy"):
        return None
    policy = request.policy
    return TopUpPolicy(
        instrument_id=policy.instrument_id,
        threshold=money_from_proto(policy.threshold),
        amount=money_from_proto(policy.amount),
        daily_limit=_optional(policy.HasField("daily_limit"), policy.daily_limit),
        monthly_limit=_optional(policy.HasField("monthly_limit"), policy.monthly_limit),
    )


def top_up_to_proto(top_up: TopUp | None) -> messages.TopUpPolicy | None:
    """A policy, and how it stands, as the contract shows it."""
    if top_up is None:
        return None
    policy, reason = top_up.policy, top_up.suspend_reason
    return messages.TopUpPolicy(
        threshold=money_to_proto(policy.threshold),
        amount=money_to_proto(policy.amount),
        instrument_id=policy.instrument_id,
        daily_limit=_money(policy.daily_limit),
        monthly_limit=_money(policy.monthly_limit),
        state=messages.TOP_UP_STATE_SUSPENDED if reason else messages.TOP_UP_STATE_ACTIVE,
        suspend_reason=reason,
        next_time=time_to_proto(top_up.next_time),
    )


def order_from_proto(request: CollectPaymentRequest) -> CollectionOrder:
    """What is to be collected. Raises INVALID_COLLECTION, INVALID_AMOUNT, UNKNOWN_CURRENCY."""
    amount = money_from_proto(request.amount)
    return CollectionOrder(request.account_id, request.instrument_id, amount, request.invoice_id)


def collection_to_proto(collection: Collection) -> messages.Collection:
    """A collection as the contract shows it."""
    return messages.Collection(
        collection_id=collection.collection_id,
        account_id=collection.account_id,
        instrument_id=collection.instrument_id,
        amount=money_to_proto(collection.amount),
        purpose=messages.CollectionPurpose.ValueType(collection.purpose),
        invoice_id=collection.invoice_id,
        actor=collection.actor,
        state=messages.CollectionState.ValueType(collection.state),
        reference=collection.reference,
        attempt_count=collection.attempt_count,
        failure_code=collection.failure_code,
        received=_money(collection.received),
        create_time=time_to_proto(collection.create_time),
        next_attempt_time=time_to_proto(collection.next_attempt_time),
        end_time=time_to_proto(collection.end_time),
    )


def _money(amount: Money | None) -> MoneyMessage | None:
    return None if amount is None else money_to_proto(amount)


def _optional(is_set: bool, amount: MoneyMessage) -> Money | None:
    return money_from_proto(amount) if is_set else None
