"""Tells other services the balances that postings have changed."""

from collections.abc import Iterable

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto
from services.payment.domain.account import Account
from services.payment.domain.balance import Balance
from services.payment.store.ledger_accounts import balances_of
from tollbook.payment.v1.payment_events_pb2 import BalanceChanged, ChangedBalance


def announce_balances(unit_of_work: UnitOfWork, accounts: Iterable[Account]) -> None:
    """Publish the new balances of accounts of one tenant and partition in one event."""
    changed = list(accounts)
    if not changed:
        return
    balances = balances_of(unit_of_work.connection, changed)
    event = BalanceChanged(balances=[_changed_balance(balance) for balance in balances])
    chain = changed[0].chain
    unit_of_work.publish(event, chain.tenant_id, chain.partition)


def _changed_balance(balance: Balance) -> ChangedBalance:
    return ChangedBalance(
        account_id=balance.account_id,
        wallet=money_to_proto(balance.wallet),
        unbilled=money_to_proto(balance.unbilled),
        receivable=money_to_proto(balance.receivable),
        promotion=money_to_proto(balance.promotion),
    )
