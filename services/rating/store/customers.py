"""All that pricing knows of an account, read at once."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from services.rating.domain.account import Account, Customer
from services.rating.domain.charging.policy import ChargingPolicy
from services.rating.store.account_changes import change_times
from services.rating.store.account_decks import overrides_of
from services.rating.store.accounts import accounts_of, block_reasons, subscriptions_of
from services.rating.store.bundle_grants import grants_of
from services.rating.store.charging_policies import policies_of


class KnownCustomer(NamedTuple):
    """A customer as the database had it, with the changes it includes."""

    customer: Customer
    block_reason: str | None
    change_micros: Mapping[str, int]
    """When account and payer changed last, by id; left out for one that never did."""
    policy: ChargingPolicy | None = None
    """Its own charging policy; None: the tenant's."""


def read_customers(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, KnownCustomer]:
    """Those of some accounts that are known, and whose payer is."""
    accounts = _with_payers(connection, tenant_id, account_ids)
    subscriptions = subscriptions_of(connection, tenant_id, account_ids)
    overrides = overrides_of(connection, tenant_id, account_ids)
    grants = grants_of(connection, tenant_id, account_ids)
    policies = policies_of(connection, tenant_id, account_ids)
    blocks = block_reasons(connection, tenant_id, account_ids)
    changes = change_times(connection, tenant_id, accounts)
    known = {}
    for account_id in account_ids:
        account = accounts.get(account_id)
        payer = account and accounts.get(account.payer_account_id)
        if account is None or payer is None:
            continue
        known[account_id] = KnownCustomer(
            Customer(
                account,
                payer,
                tuple(subscriptions.get(account_id, ())),
                overrides=tuple(overrides.get(account_id, ())),
                grants=tuple(grants.get(account_id, ())),
            ),
            blocks.get(account_id),
            {each: changes[each] for each in (account_id, payer.account_id) if each in changes},
            policies.get(account_id),
        )
    return known


def _with_payers(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, Account]:
    accounts = accounts_of(connection, tenant_id, account_ids)
    payers = {account.payer_account_id for account in accounts.values()} - accounts.keys()
    return accounts | (accounts_of(connection, tenant_id, payers) if payers else {})
