"""What payment tells of invoices: money came, a debt was given up, or either was taken back."""

from typing import Any

from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_from_proto, required_time
from services.invoice.domain.invoice import SettlementKind
from services.invoice.store.settlements import Settled
from services.invoice.usecases.settle_invoices import settle_invoices, take_back
from tollbook.payment.v1.payment_events_pb2 import (
    DebtReinstated,
    DebtWrittenOff,
    PaymentReversed,
    PaymentSettled,
)


def _payment_settled(uow: UnitOfWork, event: ReceivedEvent[PaymentSettled]) -> None:
    payment_id = event.body.payment_id
    _settle(uow, event, _settled(event, payment_id, SettlementKind.PAYMENT, "settle_time"))


def _payment_reversed(uow: UnitOfWork, event: ReceivedEvent[PaymentReversed]) -> None:
    body = event.body
    reversal = _settled(event, body.adjustment_id, SettlementKind.PAYMENT, "reverse_time")
    take_back(uow, event.tenant_id, body.account_id, body.payment_id, reversal)


def _debt_written_off(uow: UnitOfWork, event: ReceivedEvent[DebtWrittenOff]) -> None:
    adjustment_id = event.body.adjustment_id
    _settle(uow, event, _settled(event, adjustment_id, SettlementKind.WRITE_OFF, "write_off_time"))


def _debt_reinstated(uow: UnitOfWork, event: ReceivedEvent[DebtReinstated]) -> None:
    body = event.body
    reversal = _settled(event, body.adjustment_id, SettlementKind.WRITE_OFF, "reinstate_time")
    take_back(uow, event.tenant_id, body.account_id, body.write_off_adjustment_id, reversal)


def _settle(
    uow: UnitOfWork,
    event: ReceivedEvent[PaymentSettled] | ReceivedEvent[DebtWrittenOff],
    settled: Settled,
) -> None:
    body = event.body
    amount = money_from_proto(body.amount)
    settle_invoices(uow, event.tenant_id, body.account_id, amount, body.invoice_id, settled)


def _settled(
    event: ReceivedEvent[Any], settlement_id: str, kind: SettlementKind, time_field: str
) -> Settled:
    time = required_time(getattr(event.body, time_field), time_field)
    return Settled(settlement_id, kind, time, event.position)


SETTLEMENTS = (
    EventHandler(PaymentSettled, one_by_one(_payment_settled)),
    EventHandler(PaymentReversed, one_by_one(_payment_reversed)),
    EventHandler(DebtWrittenOff, one_by_one(_debt_written_off)),
    EventHandler(DebtReinstated, one_by_one(_debt_reinstated)),
)
