"""Records a payment that was received outside the suite, and posts it."""

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from services.payment.domain.errors import payment_exists
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.posting_rules import Cause, payment_entries
from services.payment.domain.payment import METHODS_OF_PEOPLE, Payment, Receipt
from services.payment.store.accounts import account_of
from services.payment.store.collections import has_collection
from services.payment.store.journal import append_entries
from services.payment.store.payments import insert_payment
from services.payment.usecases.balances.announce_balances import announce_balances
from tollbook.payment.v1.payment_events_pb2 import PaymentSettled


def record_payment(
    unit_of_work: UnitOfWork, tenant_id: str, receipt: Receipt, actor: str
) -> Payment:
    """Credit the account, keep the evidence, tell the others.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, PAYMENT_EXISTS.
    """
    connection = unit_of_work.connection
    account = account_of(connection, tenant_id, receipt.account_id)
    account.require_payer()
    if receipt.method in METHODS_OF_PEOPLE and has_collection(
        connection, tenant_id, receipt.payment_id
    ):
        raise payment_exists(receipt.payment_id)
    cause = Cause(receipt.payment_id, actor)
    entries = list(payment_entries(account, receipt.amount, cause))
    (entry,) = append_entries(unit_of_work, account.chain, entries)
    payment = Payment(receipt, actor, entry.create_time)
    settled = _announce_payment(unit_of_work, account, payment)
    insert_payment(connection, tenant_id, payment, settled)
    announce_balances(unit_of_work, [account])
    return payment


def _announce_payment(
    unit_of_work: UnitOfWork, account: Account, payment: Payment
) -> EventPosition:
    receipt = payment.receipt
    event = PaymentSettled(
        payment_id=receipt.payment_id,
        account_id=receipt.account_id,
        amount=money_to_proto(receipt.amount),
        invoice_id=receipt.invoice_id,
        settle_time=time_to_proto(payment.create_time),
    )
    return unit_of_work.publish(event, account.tenant_id, account.chain.partition)
