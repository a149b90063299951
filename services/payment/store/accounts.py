"""The accounts that invoice announced."""

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, bindparam, select

from chassis.database.direct import Direct, Row
from chassis.database.insert import upsert
from services.payment.domain.errors import unknown_account
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.schema import account_table

# Rows whose accounts are kept at hand, with their chains.
ACCOUNTS_AT_HAND_MAX = 20_000

_columns = account_table.c

# What `account_at_hand` takes.
ACCOUNT_COLUMNS = (
    *(_columns.tenant_id, _columns.account_id, _columns.legal_entity_id),
    *(_columns.payer_account_id, _columns.currency, _columns.mode, _columns.time_zone),
)

_FIND = Direct(
    select(*ACCOUNT_COLUMNS).where(
        _columns.tenant_id == bindparam("tenant_id"),
        _columns.account_id.in_(bindparam("account_ids", expanding=True)),
    )
)


def save_account(connection: Connection, account: Account, change_sequence: int) -> None:
    """Remember an account, unless a later change of it is known."""
    values = {
        "tenant_id": account.tenant_id,
        "account_id": account.account_id,
        "legal_entity_id": account.legal_entity_id,
        "payer_account_id": account.payer_account_id,
        "currency": account.currency,
        "mode": int(account.mode),
        "time_zone": account.time_zone,
        "change_sequence": change_sequence,
    }
    upsert(connection, account_table, values, newest_by=_columns.change_sequence)


def account_of(connection: Connection, tenant_id: str, account_id: str) -> Account:
    """Return an account. Raises NOT_FOUND UNKNOWN_ACCOUNT."""
    return accounts_of(connection, tenant_id, [account_id])[account_id]


def accounts_of(
    connection: Connection, tenant_id: str, account_ids: Iterable[str]
) -> dict[str, Account]:
    """Return accounts by id. Raises NOT_FOUND UNKNOWN_ACCOUNT for the first that is not known."""
    wanted = list(account_ids)
    rows = _FIND.rows(connection, {"tenant_id": tenant_id, "account_ids": wanted})
    found = {row[1]: account_at_hand(row) for row in rows}
    for account_id in wanted:
        if account_id not in found:
            raise unknown_account(account_id)
    return found


@lru_cache(ACCOUNTS_AT_HAND_MAX)
def account_at_hand(row: Row) -> Account:
    """The account that a row tells of, with what was worked out of it before."""
    tenant_id, account_id, legal_entity_id, payer_id, currency, mode, time_zone = row
    return Account(
        tenant_id, account_id, legal_entity_id, payer_id, currency, PaymentMode(mode), time_zone
    )
