"""Moves money that was paid in: to another wallet, into another currency, back to the payer."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, ExchangeRate, Order
from services.payment.domain.adjustments.adjustment_rules import (
    exchange_entries,
    own_money,
    refund_entries,
    transfer_entries,
)
from services.payment.domain.funds.transfer_errors import insufficient_funds
from services.payment.domain.ledger.account import Account
from services.payment.store.funds import available_micros
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.adjustments.post_adjustment import (
    cause_of,
    payers_in_turn,
    post_adjustment,
)


def transfer_money(unit_of_work: UnitOfWork, tenant_id: str, order: Order) -> Adjustment:
    """Move money from one wallet to another.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, SAME_ACCOUNT, NO_WALLET,
            LEGAL_ENTITY_MISMATCH, CURRENCY_MISMATCH, INSUFFICIENT_FUNDS, BALANCE_OUT_OF_RANGE.
    """
    sides = payers_in_turn(unit_of_work, tenant_id, [order.account_id, order.counter_account_id])
    giver, taker = sides
    entries = transfer_entries(giver, taker, order.amount, cause_of(order))
    require_own_money(unit_of_work, giver, order.amount)
    return post_adjustment(unit_of_work, order, entries, sides, counter_amount=order.amount)


def exchange_money(
    unit_of_work: UnitOfWork, tenant_id: str, order: Order, rate: ExchangeRate
) -> Adjustment:
    """Move money from one wallet to another of another currency.

    Raises:
        DomainError: those of `transfer_money`, SAME_CURRENCY, INVALID_ADJUSTMENT.
    """
    sides = payers_in_turn(unit_of_work, tenant_id, [order.account_id, order.counter_account_id])
    giver, taker = sides
    bought = rate.exchanged(order.amount, taker.currency)
    entries = exchange_entries(giver, taker, order.amount, bought, cause_of(order))
    require_own_money(unit_of_work, giver, order.amount)
    return post_adjustment(unit_of_work, order, entries, sides, bought, rate)


def refund_money(unit_of_work: UnitOfWork, tenant_id: str, order: Order) -> Adjustment:
    """Pay money back.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, INSUFFICIENT_FUNDS.
    """
    (payer,) = payers_in_turn(unit_of_work, tenant_id, [order.account_id])
    entries = refund_entries(payer, order.amount, cause_of(order))
    require_own_money(unit_of_work, payer, order.amount)
    return post_adjustment(unit_of_work, order, entries, [payer])


def require_own_money(unit_of_work: UnitOfWork, account: Account, amount: Money) -> None:
    """Refuse to move what was not paid in, or what a hold relies on: INSUFFICIENT_FUNDS."""
    connection = unit_of_work.connection
    available = available_micros(connection, account, unit_of_work.now)
    own = own_money(account, balance_of(connection, account)).micros
    left = own if available is None else min(own, available)
    if amount.micros > left:
        raise insufficient_funds(account.account_id, amount.micros, max(left, 0))
