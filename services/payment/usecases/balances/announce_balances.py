"""Tells other services the balances that postings have changed."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from chassis.database.unit_of_work import Event, UnitOfWork
from chassis.grpc.convert import money_to_proto
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.balance import Balance
from services.payment.store.ledger_accounts import balances_of
from services.payment.usecases.balances.watch_funds import watch_funds
from tollbook.payment.v1.payment_events_pb2 import BalanceChanged, ChangedBalance

NOTHING_SPENT: Mapping[str, int] = {}


def announce_balances(
    unit_of_work: UnitOfWork,
    accounts: Iterable[Account],
    spent_micros: Mapping[str, int] = NOTHING_SPENT,
) -> None:
    """Publish the new balances of accounts of one tenant, in one event for each partition.

    What was spent counts for the caps of accounts, and thresholds that were crossed are told.
    """
    changed = list(accounts)
    if not changed:
        return
    balances = balances_of(unit_of_work.connection, changed)
    pairs = sorted(zip(changed, balances, strict=True), key=_partition)
    events = [
        Event(
            BalanceChanged(balances=[_changed_balance(balance) for _, balance in group]),
            changed[0].tenant_id,
            partition,
        )
        for partition, group in groupby(pairs, key=_partition)
    ]
    unit_of_work.publish_all(events)
    watch_funds(unit_of_work, pairs, spent_micros)


def _partition(pair: tuple[Account, Balance]) -> int:
    return pair[0].chain.partition


def _changed_balance(balance: Balance) -> ChangedBalance:
    return ChangedBalance(
        account_id=balance.account_id,
        wallet=money_to_proto(balance.wallet),
        unbilled=money_to_proto(balance.unbilled),
        receivable=money_to_proto(balance.receivable),
        promotion=money_to_proto(balance.promotion),
    )
