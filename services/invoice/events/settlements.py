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
    body = event.body
    time = required_time(body.settle_time, "settle_time")
    settled = Settled(body.payment_id, SettlementKind.PAYMENT, time, _source(event))
    amount = money_from_proto(body.amount)
    settle_invoices(uow, event.tenant_id, body.account_id, amount, body.invoice_id, settled)


def _payment_reversed(uow: UnitOfWork, event: ReceivedEvent[PaymentReversed]) -> None:
    body = event.body
    time = required_time(body.reverse_time, "reverse_time")
    reversal = Settled(body.adjustment_id, SettlementKind.PAYMENT, time, _source(event))
    take_back(uow, event.tenant_id, body.account_id, body.payment_id, reversal)


def _debt_written_off(uow: UnitOfWork, event: ReceivedEvent[DebtWrittenOff]) -> None:
    body = event.body
    time = required_time(body.write_off_time, "write_off_time")
    settled = Settled(body.adjustment_id, SettlementKind.WRITE_OFF, time, _source(event))
    amount = money_from_proto(body.amount)
    settle_invoices(uow, event.tenant_id, body.account_id, amount, body.invoice_id, settled)


def _debt_reinstated(uow: UnitOfWork, event: ReceivedEvent[DebtReinstated]) -> None:
    body = event.body
    time = required_time(body.reinstate_time, "reinstate_time")
    reversal = Settled(body.adjustment_id, SettlementKind.WRITE_OFF, time, _source(event))
    take_back(uow, event.tenant_id, body.account_id, body.write_off_adjustment_id, reversal)


def _source(event: ReceivedEvent[Any]) -> tuple[int, int]:
    return event.partition, event.sequence


SETTLEMENTS = (
    EventHandler(PaymentSettled, one_by_one(_payment_settled)),
    EventHandler(PaymentReversed, one_by_one(_payment_reversed)),
    EventHandler(DebtWrittenOff, one_by_one(_debt_written_off)),
    EventHandler(DebtReinstated, one_by_one(_debt_reinstated)),
)
