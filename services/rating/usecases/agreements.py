"""What accounts have agreed on, in memory: read again as soon as it has changed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from services.rating.domain.account import BundleGrant, DeckOverride, Subscription
from services.rating.store.account_decks import overrides_of
from services.rating.store.accounts import subscriptions_of
from services.rating.store.bundle_grants import grants_of

# About 1 KB each.
ACCOUNTS_IN_MEMORY_MAX = 100_000


class Agreement(NamedTuple):
    """The plans of an account, and the decks and bundles that are its own."""

    subscriptions: tuple[Subscription, ...]
    overrides: tuple[DeckOverride, ...]
    grants: tuple[BundleGrant, ...]


class _Held(NamedTuple):
    change_micros: int | None
    agreement: Agreement


class Agreements:
    """The agreements of accounts of all tenants. Safe to use from any thread.

    Whoever asks has looked in its own transaction when they changed: none is out of date.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], _Held] = {}

    def of(
        self, connection: Connection, tenant_id: str, changes: Mapping[str, int | None]
    ) -> dict[str, Agreement]:
        """The agreements of accounts; `changes`: when each last did as this transaction sees it."""
        held = {account_id: self._held.get((tenant_id, account_id)) for account_id in changes}
        found = {
            account_id: each.agreement
            for account_id, each in held.items()
            if each is not None and each.change_micros == changes[account_id]
        }
        missing = [account_id for account_id in changes if account_id not in found]
        if missing:
            # Read after the times: what changes in between is only read once more than needed.
            read = _read(connection, tenant_id, missing)
            self._hold({(tenant_id, each): _Held(changes[each], read[each]) for each in read})
            found |= read
        return found

    def _hold(self, read: dict[tuple[str, str], _Held]) -> None:
        with self._lock:
            self._held |= read
            while len(self._held) > ACCOUNTS_IN_MEMORY_MAX:
                del self._held[next(iter(self._held))]


def _read(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, Agreement]:
    subscriptions = subscriptions_of(connection, tenant_id, account_ids)
    overrides = overrides_of(connection, tenant_id, account_ids)
    grants = grants_of(connection, tenant_id, account_ids)
    return {
        account_id: Agreement(
            tuple(subscriptions.get(account_id, ())),
            tuple(overrides.get(account_id, ())),
            tuple(grants.get(account_id, ())),
        )
        for account_id in account_ids
    }
