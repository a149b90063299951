"""The funds of accounts: their balances, what is held of them and how much they may spend."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select

from chassis.database.bulk import update_rows
from chassis.database.direct import Direct
from chassis.database.insert import insert_if_new
from services.payment.domain.funds.funds import Funds
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import LedgerAccountKind
from services.payment.store.accounts import ACCOUNT_COLUMNS, account_at_hand
from services.payment.store.funds_policies import POLICY_COLUMNS, KeptPolicy, kept_policy
from services.payment.store.funds_schema import (
    funds_policy_table,
    funds_table,
    hold_table,
)
from services.payment.store.holds import hold_keys
from services.payment.store.promotions import promotions_of
from services.payment.store.schema import account_table, ledger_account_table

_columns = funds_table.c


def _same_account(other: Any) -> ColumnElement[bool]:
    return and_(other.tenant_id == _columns.tenant_id, other.account_id == _columns.account_id)


_account = account_table.c
_hold = hold_table.c
_policy = funds_policy_table.c
_ledger = ledger_account_table.c

_OF_TENANT = _columns.tenant_id == bindparam("tenant_id")
_AMONG = _columns.account_id.in_(bindparam("account_ids", expanding=True))
_HELD = Direct(select(_columns.account_id, _columns.held_micros).where(_OF_TENANT, _AMONG))
_NAMED = select(_account.account_id).where(
    _account.tenant_id == bindparam("tenant_id"),
    _account.account_id.in_(bindparam("account_ids", expanding=True)),
)
_OWNERS = select(_hold.account_id).where(
    _hold.tenant_id == bindparam("tenant_id"),
    _hold.hold_id.in_(bindparam("hold_ids", expanding=True)),
)
_LOCK = Direct(
    select(*ACCOUNT_COLUMNS, _columns.held_micros)
    .join_from(funds_table, account_table, _same_account(_account))
    .where(_OF_TENANT, _columns.account_id.in_(_NAMED.union_all(_OWNERS)))
    .order_by(_columns.account_id)
    .with_for_update(of=funds_table)
)
_STANDING = Direct(
    select(_columns.account_id, _ledger.kind, _ledger.balance_micros, *POLICY_COLUMNS)
    .select_from(
        funds_table.outerjoin(funds_policy_table, _same_account(_policy)).outerjoin(
            ledger_account_table,
            (_ledger.account_id == _columns.account_id)
            & _ledger.chain_id.in_(bindparam("chain_ids", expanding=True)),
        )
    )
    .where(_OF_TENANT, _AMONG)
)
_HELD_NAMES = ("held_micros", "tenant_id", "account_id")


def create_funds(connection: Connection, account: Account) -> None:
    """Make the row that whoever changes an account's holds locks."""
    key = {"tenant_id": account.tenant_id, "account_id": account.account_id}
    insert_if_new(connection, funds_table, key | {"held_micros": 0})


def locked_funds(
    connection: Connection,
    tenant_id: str,
    account_ids: Iterable[str],
    hold_ids: Iterable[str] = (),
) -> dict[str, Funds]:
    """The funds of a tenant's accounts, and of the owners of holds, as far as these are known.

    Nobody else changes what is held of them until the commit.
    """
    keys = {
        "tenant_id": tenant_id,
        "account_ids": list(account_ids),
        "hold_ids": hold_keys(hold_ids),
    }
    # Locked first: what is read afterwards is what the last one to have the lock has left.
    rows = _LOCK.rows(connection, keys)
    accounts = [account_at_hand(row[:-1]) for row in rows]
    return _funds_of(connection, accounts, [row[-1] for row in rows])


def funds_of(connection: Connection, account: Account) -> Funds:
    """The funds of an account as they are, without a lock."""
    keys = {"tenant_id": account.tenant_id, "account_ids": [account.account_id]}
    [(_, held)] = _HELD.rows(connection, keys)
    return _funds_of(connection, [account], [held])[account.account_id]


def available_micros(connection: Connection, account: Account, now: datetime) -> int | None:
    """What is left of an account for new holds, which wait until the commit; None: no limit."""
    funds = locked_funds(connection, account.tenant_id, [account.account_id])
    return funds[account.account_id].available_micros(now)


def save_held(connection: Connection, changed: Iterable[Funds]) -> None:
    """Store what is held now; the caller has the locks."""
    rows = [
        (funds.held_micros, funds.account.tenant_id, funds.account.account_id) for funds in changed
    ]
    update_rows(connection, funds_table, _HELD_NAMES, rows)


def kept_held(connection: Connection) -> dict[tuple[str, str], int]:
    """What is kept as held of each account of which anything is, by tenant and account."""
    key = _columns.tenant_id, _columns.account_id
    query = select(*key, _columns.held_micros).where(_columns.held_micros != 0)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _funds_of(
    connection: Connection, accounts: Sequence[Account], held: Sequence[int]
) -> dict[str, Funds]:
    """The funds of accounts of one tenant, of which so much is held."""
    if not accounts:
        return {}
    tenant_id = accounts[0].tenant_id
    keys = {
        "tenant_id": tenant_id,
        "account_ids": [each.account_id for each in accounts],
        "chain_ids": list({each.chain.chain_id for each in accounts}),
    }
    policies: dict[str, KeptPolicy] = {}
    kept: dict[str, dict[int, int]] = defaultdict(dict)
    for account_id, kind, micros, *policy in _STANDING.rows(connection, keys):
        policies[account_id] = kept_policy(*policy)
        if kind is not None:
            kept[account_id][kind] = micros
    promoted = [key for key, kinds in kept.items() if kinds.get(LedgerAccountKind.PROMOTION)]
    promotions = promotions_of(connection, tenant_id, promoted) if promoted else {}
    return {
        (key := account.account_id): Funds(
            account,
            -sum(kept[key].values()),
            of_account,
            policies[key].policy,
            policies[key].spend,
            tuple(promotions.get(key, ())),
        )
        for account, of_account in zip(accounts, held, strict=True)
    }
