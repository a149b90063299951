"""The counters that calls may move, locked before any is: nobody waits in a circle.

A transaction takes its locks in one order, whoever it is: the rows of sessions, accounts, the
owners of counters, charges, the heads of partitions; those of a kind all at once, by their ids.
"""

from collections.abc import Collection, Iterable

from services.rating.domain.bulk.call_batch import CustomerKey
from services.rating.domain.counters import CounterUse
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.usecases.agreements import Agreement
from services.rating.usecases.settling.price_calls import CallPricing


def lock_counters_of(
    pricing: CallPricing, customers: Iterable[CustomerKey], taken: Iterable[CounterUse] = ()
) -> None:
    """Lock the counters of customers, of the resellers above them, and of what was taken.

    A customer is an account with its payer, of whom either may own what it uses up.
    """
    parties = _with_resellers(pricing, set(customers))
    agreements = pricing.agreements(
        {account_id for account_id, _ in parties if account_id in pricing.accounts}
    )
    owners = {use.key.owner_account_id for use in taken}
    for party in parties:
        agreement = agreements.get(party[0])
        if agreement is not None and _counts(agreement, pricing.tariff):
            owners.update(party, (grant.account_id for grant in agreement.grants))
    pricing.lock_owners(owners)


def _with_resellers(pricing: CallPricing, customers: Collection[CustomerKey]) -> set[CustomerKey]:
    """Customers and all who sell to them, each with its payer; their accounts are held."""
    parties, level = set[CustomerKey](), set(customers)
    while level:
        pricing.hold({account_id for party in level for account_id in party})
        parties |= level
        accounts = map(pricing.accounts.get, {account_id for account_id, _ in level})
        sellers = {each.reseller_account_id for each in accounts if each is not None} - {""}
        pricing.hold(sellers)
        level = pricing.with_payers(sellers) - parties
    return parties


def _counts(agreement: Agreement, tariff: Tariff) -> bool:
    """Whether usage under an agreement may move counters."""
    plans = {each.plan_id for each in agreement.subscriptions}
    return bool(agreement.grants) or not plans.isdisjoint(tariff.counted_plans)
