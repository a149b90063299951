"""Customers in memory: a bounded number of them, dropped when the database has something newer."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from itertools import repeat

from services.rating.store.account_changes import AccountChange
from services.rating.store.customers import KnownCustomer

# About 2 KB each.
CUSTOMERS_IN_MEMORY_MAX = 100_000


class Customers:
    """The customers of all tenants that calls were priced for last. For one thread only."""

    def __init__(self, customers_max: int = CUSTOMERS_IN_MEMORY_MAX) -> None:
        self._customers_max = customers_max
        self._known: OrderedDict[tuple[str, str], KnownCustomer] = OrderedDict()
        self._paid_by: dict[tuple[str, str], set[str]] = {}
        self._recent_changes: dict[tuple[str, str], int] = {}

    def get(self, tenant_id: str, account_id: str) -> KnownCustomer | None:
        """A customer; None when it is not in memory, which does not mean that there is none."""
        key = tenant_id, account_id
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def get_each(
        self, tenant_id: str, account_ids: Collection[str]
    ) -> tuple[dict[str, KnownCustomer], list[str]]:
        """The customers in memory by their accounts, and the accounts of others."""
        found = map(self._known.get, zip(repeat(tenant_id), account_ids))
        pairs = zip(account_ids, found, strict=True)
        customers = {account_id: each for account_id, each in pairs if each}
        # As long as there is room, it doesn't matter who was asked for longest ago.
        if len(self._known) > self._customers_max // 2:
            for account_id in customers:
                self._known.move_to_end((tenant_id, account_id))
        if len(customers) == len(account_ids):
            return customers, []
        return customers, [account_id for account_id in account_ids if account_id not in customers]

    def remember(self, tenant_id: str, read: Mapping[str, KnownCustomer]) -> None:
        """Keep what was read, unless it had changed already when the last changes were heeded."""
        for account_id, known in read.items():
            self._forget(tenant_id, account_id)
            if not self._is_outdated(tenant_id, known):
                self._known[tenant_id, account_id] = known
                payer = tenant_id, known.customer.payer.account_id
                self._paid_by.setdefault(payer, set()).add(account_id)
        while len(self._known) > self._customers_max:
            self._forget(*next(iter(self._known)))

    def heed(self, changes: Iterable[AccountChange]) -> None:
        """Drop every customer that was read before its account or its payer changed."""
        self._recent_changes = {(each[0], each[1]): each.change_micros for each in changes}
        for tenant_id, account_id in self._recent_changes:
            for affected in [account_id, *self._paid_by.get((tenant_id, account_id), ())]:
                known = self._known.get((tenant_id, affected))
                if known is not None and self._is_outdated(tenant_id, known):
                    self._forget(tenant_id, affected)

    def clear(self) -> None:
        """Drop all."""
        self._known.clear()
        self._paid_by.clear()

    def _is_outdated(self, tenant_id: str, known: KnownCustomer) -> bool:
        """Whether a recent change is not the one that was read; clocks of writers may differ."""
        customer = known.customer
        return any(
            self._recent_changes.get((tenant_id, each), included) != included
            for each in (customer.account.account_id, customer.payer.account_id)
            for included in [known.change_micros.get(each)]
        )

    def _forget(self, tenant_id: str, account_id: str) -> None:
        known = self._known.pop((tenant_id, account_id), None)
        if known is None:
            return
        payer = tenant_id, known.customer.payer.account_id
        self._paid_by[payer].discard(account_id)
        if not self._paid_by[payer]:
            del self._paid_by[payer]
