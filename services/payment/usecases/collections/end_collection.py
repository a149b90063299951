"""Writes down how a collection ended: the payment, or why there is none, and what follows of it."""

from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from services.payment.domain.collections.collection import Collection, CollectionPurpose
from services.payment.domain.collections.gateway import InstrumentKind, Settlement, SettlementState
from services.payment.domain.collections.top_up import TopUp
from services.payment.domain.ledger.account import Account
from services.payment.domain.payment import PaymentMethod, Receipt
from services.payment.store.accounts import account_of
from services.payment.store.collections import get_collection, replace_pending
from services.payment.store.journal import take_turns
from services.payment.store.top_up_policies import save_top_up, top_ups_of
from services.payment.usecases.balances.consider_top_ups import consider_top_up
from services.payment.usecases.posting.record_payment import record_payment
from tollbook.payment.v1.collection_pb2 import CollectionPurpose as PurposeMessage
from tollbook.payment.v1.payment_events_pb2 import PaymentFailed

METHODS = {
    InstrumentKind.CARD: PaymentMethod.CARD,
    InstrumentKind.DIRECT_DEBIT: PaymentMethod.DIRECT_DEBIT,
}


def end_collection(
    unit_of_work: UnitOfWork, collection: Collection, settlement: Settlement
) -> bool:
    """End a collection; False when it has ended, or gone on, since its settlement was asked for.

    The posting of a success has the account looked at again; after a decline we do.

    Raises:
        DomainError: NOT_A_PAYER, CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE; it stays pending then.
    """
    connection = unit_of_work.connection
    tenant_id = collection.tenant_id
    account = account_of(connection, tenant_id, collection.account_id)
    take_turns(connection, [account.chain.partition])
    # Locked, as neither attempts nor references wait for the turn.
    former = get_collection(connection, tenant_id, collection.collection_id, lock=True)
    if not former.is_pending or former.reference != collection.reference:
        return False
    ended = former.ended(settlement, unit_of_work.now)
    is_ended = replace_pending(connection, former, ended)
    assert is_ended, "its row is locked"
    top_up = _top_up_after(unit_of_work, account, ended, settlement)
    if ended.state == SettlementState.SUCCEEDED:
        receipt = _receipt(account, ended, unit_of_work.now)
        record_payment(unit_of_work, tenant_id, receipt, ended.actor)
    else:
        failed = _payment_failed(ended, top_up)
        unit_of_work.publish(failed, tenant_id, account.chain.partition)
        consider_top_up(unit_of_work, account)
    return True


def _top_up_after(
    unit_of_work: UnitOfWork, account: Account, ended: Collection, settlement: Settlement
) -> TopUp | None:
    """How the policy stands that has asked for a collection; None: another one is in force."""
    top_ups = top_ups_of(unit_of_work.connection, account.tenant_id, [account.account_id])
    top_up = top_ups.get(account.account_id)
    is_ours = ended.purpose == CollectionPurpose.TOP_UP
    if not is_ours or top_up is None or top_up.policy.instrument_id != ended.instrument_id:
        return None
    after = top_up.succeeded()
    if ended.state == SettlementState.DECLINED:
        now = unit_of_work.now
        after = top_up.declined(settlement.failure_code, settlement.may_retry, now)
    save_top_up(unit_of_work.connection, account, after)
    return after


def _receipt(account: Account, ended: Collection, now: datetime) -> Receipt:
    assert ended.received is not None, "a gateway tells what it has received"
    return Receipt(
        payment_id=ended.collection_id,
        account_id=ended.account_id,
        method=METHODS[ended.kind],
        amount=ended.received,
        value_date=account.local_date(now),
        evidence=f"{ended.gateway} {ended.reference}",
        invoice_id=ended.invoice_id,
    )


def _payment_failed(ended: Collection, top_up: TopUp | None) -> PaymentFailed:
    return PaymentFailed(
        collection_id=ended.collection_id,
        account_id=ended.account_id,
        amount=money_to_proto(ended.amount),
        purpose=PurposeMessage.ValueType(ended.purpose),
        invoice_id=ended.invoice_id,
        failure_code=ended.failure_code,
        fail_time=time_to_proto(ended.end_time),
        next_attempt_time=time_to_proto(top_up.next_time if top_up else None),
    )
