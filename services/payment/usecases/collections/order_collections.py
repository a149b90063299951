"""Lays down how accounts top themselves up, and collects payments that somebody asks for."""

from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.adjustments.adjustment_errors import no_wallet
from services.payment.domain.collections.collection import (
    Collection,
    CollectionOrder,
    CollectionPurpose,
)
from services.payment.domain.collections.payment_instrument import new_collection
from services.payment.domain.collections.top_up import TopUp, TopUpPolicy
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.accounts import account_of
from services.payment.store.collections import insert_collection
from services.payment.store.journal import take_turns
from services.payment.store.payment_instruments import get_instrument
from services.payment.store.top_up_policies import remove_top_up, save_top_up, top_ups_of
from services.payment.usecases.balances.consider_top_ups import consider_top_up


def set_top_up_policy(
    unit_of_work: UnitOfWork, tenant_id: str, account_id: str, policy: TopUpPolicy | None
) -> TopUp | None:
    """Lay down a policy anew, which ends a suspension, or take it away.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, NO_WALLET, INSTRUMENT_NOT_FOUND,
            CURRENCY_MISMATCH.
    """
    connection = unit_of_work.connection
    account = _payer_in_turn(unit_of_work, tenant_id, account_id)
    if policy is None:
        remove_top_up(connection, tenant_id, account_id)
        return None
    if account.mode != PaymentMode.PREPAID:
        raise no_wallet(account_id)
    for amount in policy.amounts:
        account.require_currency(amount)
    get_instrument(connection, tenant_id, policy.instrument_id, account_id)
    save_top_up(connection, account, TopUp(policy))
    consider_top_up(unit_of_work, account)
    return top_ups_of(connection, tenant_id, [account_id])[account_id]


def order_collection(
    unit_of_work: UnitOfWork, tenant_id: str, order: CollectionOrder, actor: str
) -> Collection:
    """Begin a collection that somebody asks for.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, INSTRUMENT_NOT_FOUND.
    """
    account = _payer_in_turn(unit_of_work, tenant_id, order.account_id)
    account.require_currency(order.amount)
    connection, now = unit_of_work.connection, unit_of_work.now
    key = (tenant_id, order.instrument_id, order.account_id)
    instrument = get_instrument(connection, *key)
    collection = new_collection(order, instrument, CollectionPurpose.REQUESTED, actor, now)
    insert_collection(connection, collection)
    return collection


def _payer_in_turn(unit_of_work: UnitOfWork, tenant_id: str, account_id: str) -> Account:
    """The account, whose instruments and policy nobody else changes until the commit."""
    account = account_of(unit_of_work.connection, tenant_id, account_id)
    account.require_payer()
    take_turns(unit_of_work.connection, [account.chain.partition])
    return account
