"""Looks at balances that have changed: counts spend for caps, tells thresholds, tops up."""

from collections.abc import Iterable, Mapping

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from kernel.money import Money
from services.payment.domain.funds.funds import Funds
from services.payment.domain.funds.thresholds import crossings
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.balance import Balance
from services.payment.store.funds_policies import KeptPolicy, policies_of, save_standing
from services.payment.usecases.balances.consider_top_ups import consider_top_ups
from tollbook.payment.v1.payment_events_pb2 import BalanceLow, BalanceRecovered


def watch_funds(
    unit_of_work: UnitOfWork,
    balances: Iterable[tuple[Account, Balance]],
    spent_micros: Mapping[str, int],
) -> None:
    """Look at the accounts of one tenant that something was posted to, in the order of partitions.

    The turns of the partitions are ours, so that nobody else counts or tells the same.
    """
    posted = {account.account_id: (account, balance) for account, balance in balances}
    tenant_id = next(iter(posted.values()))[0].tenant_id
    policies = policies_of(unit_of_work.connection, tenant_id, posted)
    changed: dict[str, KeptPolicy] = {}
    low: list[Funds] = []
    for account_id, (account, balance) in posted.items():
        if (kept := policies.get(account_id)) is None:
            continue
        funds = Funds(account, balance.in_all.micros, policy=kept.policy)
        counted = _counted(kept, account, spent_micros.get(account_id, 0), unit_of_work)
        after = tell_crossings(unit_of_work, funds, counted)
        if after != kept:
            changed[account_id] = after
        if kept.calls_for_top_up(funds.left_micros):
            low.append(funds)
    save_standing(unit_of_work.connection, tenant_id, changed)
    consider_top_ups(unit_of_work, low)


def tell_crossings(unit_of_work: UnitOfWork, funds: Funds, kept: KeptPolicy) -> KeptPolicy:
    """Publish what a balance has crossed; returns the policy that knows which are low now."""
    left_micros = funds.left_micros
    crossed = crossings(kept.low, kept.thresholds, left_micros)
    account, currency = funds.account, funds.account.currency
    left = None if left_micros is None else money_to_proto(Money(currency, left_micros))
    events: tuple[tuple[type[BalanceLow | BalanceRecovered], list[int]], ...] = (
        (BalanceLow, crossed.reached),
        (BalanceRecovered, crossed.left),
    )
    for kind, threshold in ((kind, each) for kind, crossed_ones in events for each in crossed_ones):
        event = kind(
            account_id=account.account_id,
            threshold=money_to_proto(Money(currency, threshold)),
            left=left,
            change_time=time_to_proto(unit_of_work.now),
        )
        unit_of_work.publish(event, account.tenant_id, account.chain.partition)
    low = {*kept.low, *crossed.reached} - {*crossed.left}
    return kept._replace(low=tuple(sorted(low)))


def _counted(
    kept: KeptPolicy, account: Account, spent_micros: int, unit_of_work: UnitOfWork
) -> KeptPolicy:
    if not kept.policy.has_caps or not spent_micros:
        return kept
    today = account.local_date(unit_of_work.now)
    return kept._replace(spend=kept.spend.on(today).plus(spent_micros))
