"""The same calls as the next party up pays for them: resellers level by level, then the supplier.

Only answered calls have any: a call that costs nothing is nobody's cost.
"""

from collections.abc import Mapping
from dataclasses import replace

from kernel.clock import from_micros
from kernel.period import BillingCycle
from services.rating.domain.account import Account, Customer, Subscription
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import Party
from services.rating.domain.tariffs.tariff import Tariff

# Invoice keeps chains of resellers this short; a longer one is a mistake, and ends here.
RESELLER_LEVELS_MAX = 8
# Nothing is booked in periods of a supplier.
SUPPLIER_TIME_ZONE = "UTC"


def reseller_calls(calls: CallBatch, accounts: Mapping[str, Account]) -> CallBatch | None:
    """Those calls whose account is sold by a reseller, as calls of the reseller's account."""
    if not any(account.reseller_account_id for account in accounts.values()):
        return None
    sold = {
        place: account.reseller_account_id
        for place, account in enumerate(map(accounts.get, calls.account_ids))
        if account is not None
        and account.reseller_account_id
        and calls.answered[place]
        and calls.levels[place] < RESELLER_LEVELS_MAX
    }
    if not sold:
        return None
    part = calls.select(list(sold))
    return replace(
        part,
        account_ids=list(sold.values()),
        parties=[Party.RESELLER] * len(part),
        levels=[level + 1 for level in part.levels],
    )


def paid_by_their_payers(calls: CallBatch, accounts: Mapping[str, Account]) -> CallBatch:
    """Calls of accounts that no record named, with the payer that each account has now."""
    payers = [_payer(account_id, accounts) for account_id in calls.account_ids]
    return replace(calls, payer_account_ids=payers)


def supplier_calls(calls: CallBatch, tariff: Tariff) -> CallBatch | None:
    """Those calls whose egress trunk names a supplier, as what the supplier charges for them."""
    if not any(calls.egress_trunks):
        return None
    suppliers = {
        place: supplier_id
        for place, trunk in enumerate(calls.egress_trunks)
        if trunk
        and calls.answered[place]
        and (supplier_id := tariff.supplier_of_trunk(trunk, calls.starts_micros[place])) is not None
    }
    if not suppliers:
        return None
    part = calls.select(list(suppliers))
    ids = list(suppliers.values())
    return replace(
        part,
        account_ids=ids,
        payer_account_ids=ids,
        parties=[Party.SUPPLIER] * len(part),
        levels=[0] * len(part),
    )


def supplier_customer(supplier_id: str, tariff: Tariff) -> Customer:
    """A supplier as pricing sees it: an account that subscribes to the supplier's own rates."""
    currency = tariff.currency_of(supplier_id) or ""
    cycle = BillingCycle(SUPPLIER_TIME_ZONE, billing_day=1)
    account = Account(supplier_id, supplier_id, currency, cycle, from_micros(0))
    return Customer(account, account, [Subscription(supplier_id, 0, None)])


def customers_of(calls: CallBatch) -> CallBatch:
    """The calls of a batch as customers pay for them; those of other parties are left out."""
    places = [place for place, party in enumerate(calls.parties) if party == Party.CUSTOMER]
    return calls if len(places) == len(calls) else calls.select(places)


def _payer(account_id: str, accounts: Mapping[str, Account]) -> str:
    account = accounts.get(account_id)
    return account.payer_account_id if account else account_id
