"""Writes an adjustment down: its entries, what was done and why, and the balances it changed."""

from collections.abc import Sequence
from uuid import UUID

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, ExchangeRate, Order
from services.payment.domain.adjustments.adjustment_rules import Entries
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import EntryReason
from services.payment.domain.ledger.posting_rules import Cause
from services.payment.store.accounts import accounts_of
from services.payment.store.adjustments import insert_adjustment
from services.payment.store.journal import append_to_chains, take_turns
from services.payment.usecases.balances.announce_balances import announce_balances


def cause_of(order: Order) -> Cause:
    """What makes the money move: the adjustment and who wants it."""
    return Cause(order.adjustment_id, order.actor)


def payers_in_turn(
    unit_of_work: UnitOfWork, tenant_id: str, account_ids: Sequence[str]
) -> list[Account]:
    """The accounts, which pay for themselves and whose books nobody else writes to meanwhile.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER.
    """
    found = accounts_of(unit_of_work.connection, tenant_id, account_ids)
    for account in found.values():
        account.require_payer()
    take_turns(unit_of_work.connection, {each.chain.partition for each in found.values()})
    return [found[account_id] for account_id in account_ids]


def post_adjustment(
    unit_of_work: UnitOfWork,
    order: Order,
    entries: Entries,
    accounts: Sequence[Account],
    counter_amount: Money | None = None,
    rate: ExchangeRate | None = None,
    corrected_entry_id: UUID | None = None,
) -> Adjustment:
    """Post the entries of an adjustment, keep what was ordered, announce the accounts' balances.

    Raises:
        DomainError: BALANCE_OUT_OF_RANGE.
    """
    chained = [each for (each,) in append_to_chains(unit_of_work, entries).values()]
    adjustment = Adjustment(
        tenant_id=accounts[0].tenant_id,
        adjustment_id=order.adjustment_id,
        reason=EntryReason(chained[0].reason),
        account_id=order.account_id,
        amount=order.amount,
        note=order.note,
        actor=order.actor,
        create_time=max(entry.create_time for entry in chained),
        journal_entry_ids=tuple(entry.journal_entry_id for entry in chained),
        counter_account_id=order.counter_account_id,
        counter_amount=counter_amount,
        rate=rate,
        corrected_entry_id=corrected_entry_id,
    )
    insert_adjustment(unit_of_work.connection, adjustment)
    announce_balances(unit_of_work, accounts)
    return adjustment
