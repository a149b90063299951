"""Takes an entry back by another one with its signs turned; nothing is changed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from kernel.ids import is_uuid, new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment
from services.payment.domain.adjustments.adjustment_errors import entry_not_found, promotion_spent
from services.payment.domain.adjustments.correction import (
    MOVES,
    Placed,
    correction_entries,
    correction_order,
    require_correctable,
    taken_back,
)
from services.payment.domain.funds.transfer_errors import insufficient_funds
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import EntryReason
from services.payment.store.accounts import accounts_of
from services.payment.store.adjustments import get_adjustment, note_corrected
from services.payment.store.entries import get_entry
from services.payment.store.funds import available_micros
from services.payment.store.journal import take_turns
from services.payment.store.promotions import get_promotion, spend_promotions
from services.payment.usecases.adjustments.move_money import require_own_money
from services.payment.usecases.adjustments.post_adjustment import post_adjustment
from tollbook.payment.v1.payment_events_pb2 import DebtReinstated, PaymentReversed


def correct_entry(
    unit_of_work: UnitOfWork, tenant_id: str, entry_id: str, note: str, actor: str
) -> Adjustment:
    """Take back an entry, and with it the other side of a transfer or an exchange.

    Raises:
        DomainError: ENTRY_NOT_FOUND, ENTRY_NOT_CORRECTABLE, ENTRY_CORRECTED, INSUFFICIENT_FUNDS,
            PROMOTION_SPENT, INVALID_ADJUSTMENT.
    """
    connection = unit_of_work.connection
    originals = _originals(connection, tenant_id, entry_id)
    order, counter_amount = correction_order(new_uuid(), originals, note, actor)
    take_turns(connection, {chain.partition for chain, _ in originals})
    ids = [entry.journal_entry_id for _, entry in originals]
    note_corrected(connection, tenant_id, ids, order.adjustment_id)
    names = [name for name in (order.account_id, order.counter_account_id) if name]
    accounts = accounts_of(connection, tenant_id, names)
    _require_returnable(unit_of_work, originals, accounts)
    _take_back_promotion(connection, tenant_id, originals)
    done = post_adjustment(
        unit_of_work,
        order,
        correction_entries(originals, actor),
        [accounts[name] for name in names],
        counter_amount,
        corrected_entry_id=UUID(entry_id),
    )
    _announce_reversal(unit_of_work, originals, done)
    return done


def _originals(connection: Connection, tenant_id: str, entry_id: str) -> list[Placed]:
    """The entry and those that were written for the same adjustment."""
    if not is_uuid(entry_id):
        raise entry_not_found(entry_id)
    placed = get_entry(connection, tenant_id, UUID(entry_id))
    _, entry = placed
    require_correctable(entry)
    if entry.reason == EntryReason.PAYMENT:
        return [placed]
    adjustment = get_adjustment(connection, tenant_id, entry.reference)
    return [get_entry(connection, tenant_id, each) for each in adjustment.journal_entry_ids]


def _require_returnable(
    unit_of_work: UnitOfWork, originals: Sequence[Placed], accounts: dict[str, Account]
) -> None:
    """Refuse to take from an account what it has spent, or what a hold relies on."""
    for account_id, micros in taken_back(originals).items():
        account = accounts[account_id]
        if originals[0][1].reason in MOVES:
            # Somebody else gets it, and can have it paid out.
            require_own_money(unit_of_work, account, Money(account.currency, micros))
            continue
        available = available_micros(unit_of_work.connection, account, unit_of_work.now)
        if available is not None and micros > available:
            raise insufficient_funds(account_id, micros, max(available, 0))


def _take_back_promotion(
    connection: Connection, tenant_id: str, originals: Sequence[Placed]
) -> None:
    for _, entry in originals:
        if entry.reason == EntryReason.PROMOTION:
            promotion = get_promotion(connection, tenant_id, entry.reference)
            if promotion.remaining != promotion.granted:
                raise promotion_spent(promotion.promotion_id)
            micros = {promotion.promotion_id: promotion.granted.micros}
            spend_promotions(connection, tenant_id, micros)


def _announce_reversal(
    unit_of_work: UnitOfWork, originals: Sequence[Placed], done: Adjustment
) -> None:
    """Tell of a payment or a write-off that was taken back."""
    for chain, entry in originals:
        if entry.reason == EntryReason.PAYMENT:
            event = _payment_reversed(entry.reference, done)
            unit_of_work.publish(event, chain.tenant_id, chain.partition)
        elif entry.reason == EntryReason.WRITE_OFF:
            reinstated = _debt_reinstated(entry.reference, done)
            unit_of_work.publish(reinstated, chain.tenant_id, chain.partition)


def _payment_reversed(payment_id: str, done: Adjustment) -> PaymentReversed:
    return PaymentReversed(
        payment_id=payment_id,
        account_id=done.account_id,
        amount=money_to_proto(done.amount),
        adjustment_id=done.adjustment_id,
        reverse_time=time_to_proto(done.create_time),
    )


def _debt_reinstated(write_off_adjustment_id: str, done: Adjustment) -> DebtReinstated:
    return DebtReinstated(
        write_off_adjustment_id=write_off_adjustment_id,
        account_id=done.account_id,
        amount=money_to_proto(done.amount),
        adjustment_id=done.adjustment_id,
        reinstate_time=time_to_proto(done.create_time),
    )
