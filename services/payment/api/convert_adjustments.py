"""Between the messages of adjustments and the values of the domain."""

from dataclasses import replace
from typing import Protocol

from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import money_from_proto, money_to_proto, time_to_proto
from kernel.ids import new_uuid
from services.payment.domain.adjustments.adjustment import Adjustment, ExchangeRate, Order
from services.payment.domain.funds.promotion import Promotion
from tollbook.payment.v1 import adjustment_pb2, ledger_pb2
from tollbook.payment.v1.adjustment_service_pb2 import WriteOffDebtRequest


class OneAccount(Protocol):
    """A request about the money of one account."""

    account_id: str
    note: str

    @property
    def amount(self) -> MoneyMessage:
        """How much."""
        ...


class TwoAccounts(Protocol):
    """A request about money that goes from one account to another."""

    from_account_id: str
    to_account_id: str
    note: str

    @property
    def amount(self) -> MoneyMessage:
        """How much."""
        ...


def order_of(request: OneAccount, actor: str) -> Order:
    """What is wanted of one account. Raises INVALID_ADJUSTMENT, INVALID_AMOUNT."""
    amount = money_from_proto(request.amount)
    return Order(new_uuid(), request.account_id, amount, request.note, actor)


def write_off_of(request: WriteOffDebtRequest, actor: str) -> Order:
    """The debt that is to be given up. Raises INVALID_ADJUSTMENT, INVALID_AMOUNT."""
    return replace(order_of(request, actor), invoice_id=request.invoice_id)


def order_between(request: TwoAccounts, actor: str) -> Order:
    """What is wanted of two accounts. Raises INVALID_ADJUSTMENT, INVALID_AMOUNT."""
    amount, giver = money_from_proto(request.amount), request.from_account_id
    return Order(new_uuid(), giver, amount, request.note, actor, request.to_account_id)


def rate_from_proto(message: adjustment_pb2.ExchangeTerms) -> ExchangeRate:
    """The rate of an exchange. Raises INVALID_ADJUSTMENT."""
    return ExchangeRate(message.rate.value, message.inverse, message.source)


def adjustment_to_proto(adjustment: Adjustment) -> adjustment_pb2.Adjustment:
    """An adjustment as the contract shows it."""
    counter, rate, corrected = (
        adjustment.counter_amount,
        adjustment.rate,
        adjustment.corrected_entry_id,
    )
    return adjustment_pb2.Adjustment(
        adjustment_id=adjustment.adjustment_id,
        reason=ledger_pb2.EntryReason.ValueType(adjustment.reason),
        account_id=adjustment.account_id,
        amount=money_to_proto(adjustment.amount),
        counter_account_id=adjustment.counter_account_id,
        counter_amount=money_to_proto(counter) if counter else None,
        exchange=_rate_to_proto(rate) if rate else None,
        note=adjustment.note,
        actor=adjustment.actor,
        create_time=time_to_proto(adjustment.create_time),
        journal_entry_ids=[str(entry_id) for entry_id in adjustment.journal_entry_ids],
        corrected_entry_id=str(corrected) if corrected else "",
    )


def promotion_to_proto(promotion: Promotion) -> adjustment_pb2.Promotion:
    """Promotional credit as the contract shows it."""
    return adjustment_pb2.Promotion(
        promotion_id=promotion.promotion_id,
        account_id=promotion.account_id,
        granted=money_to_proto(promotion.granted),
        remaining=money_to_proto(promotion.remaining),
        create_time=time_to_proto(promotion.create_time),
        expire_time=time_to_proto(promotion.expire_time),
    )


def _rate_to_proto(rate: ExchangeRate) -> adjustment_pb2.ExchangeTerms:
    return adjustment_pb2.ExchangeTerms(
        rate=Decimal(value=rate.text), inverse=rate.is_inverse, source=rate.source
    )
