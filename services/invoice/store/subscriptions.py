"""Queries on subscriptions."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from kernel.period import Period
from services.invoice.domain.account import Subscription
from services.invoice.domain.validity import Validity
from services.invoice.store import schema


def insert_subscription(connection: Connection, tenant_id: str, subscription: Subscription) -> bool:
    """Whether the id is new."""
    values = {
        "tenant_id": tenant_id,
        "subscription_id": subscription.subscription_id,
        "account_id": subscription.account_id,
        "plan_id": subscription.plan_id,
        "start_time": subscription.validity.start,
        "end_time": subscription.validity.end,
    }
    return insert_if_new(connection, schema.subscription, values)


def update_end(connection: Connection, tenant_id: str, subscription: Subscription) -> None:
    """Store a subscription's new end."""
    table = schema.subscription
    connection.execute(
        update(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.subscription_id == subscription.subscription_id,
        )
        .values(end_time=subscription.validity.end)
    )


def find_subscription(
    connection: Connection, tenant_id: str, subscription_id: str
) -> Subscription | None:
    """A subscription by id."""
    query = select(schema.subscription).filter_by(
        tenant_id=tenant_id, subscription_id=subscription_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_subscription(row)


def subscriptions_of_account(
    connection: Connection, tenant_id: str, account_id: str
) -> list[Subscription]:
    """All subscriptions that an account ever had."""
    query = select(schema.subscription).filter_by(tenant_id=tenant_id, account_id=account_id)
    return [_to_subscription(row) for row in connection.execute(query)]


def subscriptions_paid_by(
    connection: Connection, tenant_id: str, payer_account_id: str, period: Period
) -> list[Subscription]:
    """The subscriptions in force in a period of all accounts that a payer pays for."""
    table, account = schema.subscription, schema.account
    query = (
        select(table)
        .join(
            account,
            (account.c.tenant_id == table.c.tenant_id)
            & (account.c.account_id == table.c.account_id),
        )
        .where(
            account.c.tenant_id == tenant_id,
            account.c.payer_account_id == payer_account_id,
            table.c.start_time < period.end,
        )
        .order_by(table.c.subscription_id)
    )
    found = [_to_subscription(row) for row in connection.execute(query)]
    return [each for each in found if each.validity.part_of(period)]


def list_subscriptions(
    connection: Connection, tenant_id: str, account_id: str, request: PageRequest
) -> Page[Subscription]:
    """A tenant's subscriptions by account and start; only those of an account that is given."""
    table = schema.subscription
    query = select(table).where(table.c.tenant_id == tenant_id)
    if account_id:
        query = query.where(table.c.account_id == account_id)
    order = [table.c.account_id, table.c.start_time, table.c.subscription_id]
    return page_of(connection, query, order, request).mapped(_to_subscription)


def _to_subscription(row: Row[Any]) -> Subscription:
    validity = Validity(row.start_time, row.end_time)
    return Subscription(row.subscription_id, row.account_id, row.plan_id, validity)
