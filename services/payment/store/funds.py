"""The funds of accounts: their balances, what is held of them and how much they may spend."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from chassis.database.direct import Direct
from chassis.database.insert import insert_if_new
from services.payment.domain.account import Account
from services.payment.domain.funds import Funds
from services.payment.domain.ledger import LedgerAccountKind
from services.payment.store.funds_policies import NO_POLICY, policies_of
from services.payment.store.funds_schema import funds_table
from services.payment.store.ledger_accounts import micros_by_kind
from services.payment.store.promotions import promotions_of

_columns = funds_table.c

_HELD = select(_columns.account_id, _columns.held_micros).where(
    _columns.tenant_id == bindparam("tenant_id"),
    _columns.account_id.in_(bindparam("account_ids", expanding=True)),
)
_FIND = Direct(_HELD)
_LOCK = Direct(_HELD.order_by(_columns.account_id).with_for_update())
_HOLD = Direct(
    update(funds_table)
    .where(
        _columns.tenant_id == bindparam("of_tenant"),
        _columns.account_id == bindparam("of_account"),
    )
    .values(held_micros=bindparam("held"))
)


def create_funds(connection: Connection, account: Account) -> None:
    """Make the row that whoever changes an account's holds locks."""
    key = {"tenant_id": account.tenant_id, "account_id": account.account_id}
    insert_if_new(connection, funds_table, key | {"held_micros": 0})


def locked_funds(
    connection: Connection, tenant_id: str, accounts: Collection[Account]
) -> dict[str, Funds]:
    """The funds of a tenant's accounts, whose holds nobody else changes until the commit."""
    if not accounts:
        return {}
    keys = {"tenant_id": tenant_id, "account_ids": [each.account_id for each in accounts]}
    # Locked first: what is read afterwards is what the last one to have the lock has left.
    held: dict[str, int] = dict(_LOCK.rows(connection, keys))
    return _funds_of(connection, tenant_id, accounts, held)


def funds_of(connection: Connection, account: Account) -> Funds:
    """The funds of an account as they are, without a lock."""
    keys = {"tenant_id": account.tenant_id, "account_ids": [account.account_id]}
    held: dict[str, int] = dict(_FIND.rows(connection, keys))
    return _funds_of(connection, account.tenant_id, [account], held)[account.account_id]


def available_micros(connection: Connection, account: Account, now: datetime) -> int | None:
    """What is left of an account for new holds, which wait until the commit; None: no limit."""
    funds = locked_funds(connection, account.tenant_id, [account])
    return funds[account.account_id].available_micros(now)


def save_held(connection: Connection, changed: Iterable[Funds]) -> None:
    """Store what is held now; the caller has the locks."""
    rows = [
        {
            "of_tenant": funds.account.tenant_id,
            "of_account": funds.account.account_id,
            "held": funds.held_micros,
        }
        for funds in changed
    ]
    _HOLD.run_many(connection, rows)


def _funds_of(
    connection: Connection, tenant_id: str, accounts: Collection[Account], held: Mapping[str, int]
) -> dict[str, Funds]:
    policies = policies_of(connection, tenant_id, held)
    kept = micros_by_kind(connection, accounts)
    promoted = [key for key, kinds in kept.items() if kinds.get(LedgerAccountKind.PROMOTION)]
    promotions = promotions_of(connection, tenant_id, promoted) if promoted else {}
    found = {}
    for account in accounts:
        account_id = account.account_id
        stored = policies.get(account_id, NO_POLICY)
        found[account_id] = Funds(
            account,
            -sum(kept.get(account_id, {}).values()),
            held[account_id],
            stored.policy,
            stored.spend,
            tuple(promotions.get(account_id, ())),
        )
    return found
