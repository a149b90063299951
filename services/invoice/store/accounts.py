"""Queries on accounts."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from chassis.database.direct import Direct
from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from services.invoice.domain.account import Account, PaymentMode
from services.invoice.store import schema

_CURRENCIES = Direct(
    select(schema.account.c.account_id, schema.account.c.currency).where(
        schema.account.c.tenant_id == bindparam("tenant_id"),
        schema.account.c.account_id.in_(bindparam("account_ids", expanding=True)),
    )
)


def insert_account(connection: Connection, tenant_id: str, account: Account) -> bool:
    """Whether id and code are both new."""
    values = asdict(account) | {"tenant_id": tenant_id, "payment_mode": int(account.payment_mode)}
    return insert_if_new(connection, schema.account, values)


def find_account(connection: Connection, tenant_id: str, account_id: str) -> Account | None:
    """An account by id."""
    return find_accounts(connection, tenant_id, [account_id]).get(account_id)


def find_accounts(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, Account]:
    """Accounts by id; those that are not there are left out."""
    table = schema.account
    query = select(table).where(table.c.tenant_id == tenant_id, table.c.account_id.in_(account_ids))
    return {row.account_id: _to_account(row) for row in connection.execute(query)}


def accounts_of_customer(connection: Connection, tenant_id: str, customer_id: str) -> list[str]:
    """The ids of a customer's accounts."""
    query = select(schema.account.c.account_id).filter_by(
        tenant_id=tenant_id, customer_id=customer_id
    )
    return list(connection.execute(query.order_by(schema.account.c.account_id)).scalars())


def find_currencies(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, str]:
    """The currencies of accounts by id; those that are not there are left out."""
    keys = {"tenant_id": tenant_id, "account_ids": list(account_ids)}
    return dict(_CURRENCIES.rows(connection, keys))


def lock_account(connection: Connection, tenant_id: str, account_id: str) -> None:
    """Make others who lock this account wait for the end of this transaction."""
    table = schema.account
    query = (
        select(table.c.account_id)
        .where(table.c.tenant_id == tenant_id, table.c.account_id == account_id)
        .with_for_update()
    )
    connection.execute(query).one_or_none()


def list_accounts(
    connection: Connection, tenant_id: str, code: str, request: PageRequest
) -> Page[Account]:
    """A tenant's accounts by code; only one with a code that is given."""
    table = schema.account
    query = select(table).where(table.c.tenant_id == tenant_id)
    if code:
        query = query.where(table.c.code == code)
    return page_of(connection, query, [table.c.code], request).mapped(_to_account)


def _to_account(row: Row[Any]) -> Account:
    return Account(
        account_id=row.account_id,
        code=row.code,
        customer_id=row.customer_id,
        legal_entity_id=row.legal_entity_id,
        payer_account_id=row.payer_account_id,
        currency=row.currency,
        time_zone=row.time_zone,
        payment_mode=PaymentMode(row.payment_mode),
        billing_day=row.billing_day,
        start_time=row.start_time,
        create_time=row.create_time,
        reseller_account_id=row.reseller_account_id,
    )
