"""Gives up a debt that will not be paid."""

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from services.payment.domain.adjustments.adjustment import Adjustment, Order
from services.payment.domain.adjustments.adjustment_rules import write_off_entries
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.adjustments.post_adjustment import (
    cause_of,
    payers_in_turn,
    post_adjustment,
)
from tollbook.payment.v1.payment_events_pb2 import DebtWrittenOff


def write_off_debt(unit_of_work: UnitOfWork, tenant_id: str, order: Order) -> Adjustment:
    """Write off at most what is owed and due, and tell who keeps the invoices.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, DEBT_EXCEEDED.
    """
    (debtor,) = payers_in_turn(unit_of_work, tenant_id, [order.account_id])
    balance = balance_of(unit_of_work.connection, debtor)
    entries = write_off_entries(debtor, order.amount, cause_of(order), balance)
    done = post_adjustment(unit_of_work, order, entries, [debtor])
    event = DebtWrittenOff(
        adjustment_id=done.adjustment_id,
        account_id=done.account_id,
        amount=money_to_proto(done.amount),
        invoice_id=order.invoice_id,
        write_off_time=time_to_proto(done.create_time),
    )
    unit_of_work.publish(event, tenant_id, debtor.chain.partition)
    return done
