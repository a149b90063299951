"""Queries on billing periods."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from chassis.database.bulk import insert_ignoring_known
from chassis.database.direct import Direct
from chassis.database.pages import Page, PageRequest, page_of
from kernel.clock import to_micros
from kernel.period import Period
from services.invoice.domain.billing_period import (
    BillingPeriod,
    PeriodState,
    Seal,
    UsageSum,
    period_key,
)
from services.invoice.store import schema

OpenSpan = tuple[str, Period]
"""A paying account and a period of it."""

_LOCK_STATES = Direct(
    select(schema.billing_period.c.period_key, schema.billing_period.c.state)
    .where(
        schema.billing_period.c.tenant_id == bindparam("tenant_id"),
        schema.billing_period.c.period_key.in_(bindparam("keys", expanding=True)),
    )
    # Everybody locks in one order, so that nobody waits in a circle.
    .order_by(schema.billing_period.c.period_key)
    .with_for_update()
)


def ensure_periods(connection: Connection, tenant_id: str, spans: Collection[OpenSpan]) -> None:
    """Open the periods that are not there yet."""
    names = ["tenant_id", "account_id", "start_time", "end_time", "period_key", "state"]
    rows = [
        (
            tenant_id,
            account_id,
            to_micros(span.start),
            to_micros(span.end),
            period_key(tenant_id, account_id, span.start),
            int(PeriodState.OPEN),
        )
        for account_id, span in spans
    ]
    key = ["tenant_id", "account_id", "start_time"]
    insert_ignoring_known(connection, schema.billing_period, names, rows, key)


def lock_states(
    connection: Connection, tenant_id: str, keys: Collection[bytes]
) -> dict[bytes, PeriodState]:
    """How far periods have come, by key, locked as by `lock_periods`."""
    rows = _LOCK_STATES.rows(connection, {"tenant_id": tenant_id, "keys": list(keys)})
    return {bytes(key): PeriodState(state) for key, state in rows}


def lock_periods(
    connection: Connection, tenant_id: str, spans: Collection[OpenSpan]
) -> list[BillingPeriod]:
    """Read periods and make others who lock them wait for the end of this transaction."""
    table = schema.billing_period
    keys = [period_key(tenant_id, account_id, span.start) for account_id, span in spans]
    query = (
        select(table)
        .where(table.c.tenant_id == tenant_id, table.c.period_key.in_(keys))
        .order_by(table.c.period_key)
        .with_for_update()
    )
    return [_to_period(row) for row in connection.execute(query)]


def find_period(
    connection: Connection, tenant_id: str, account_id: str, start: datetime
) -> BillingPeriod | None:
    """The period of an account that starts then."""
    query = select(schema.billing_period).filter_by(
        tenant_id=tenant_id, account_id=account_id, start_time=start
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_period(row)


def find_period_of_request(
    connection: Connection, tenant_id: str, account_id: str, request_id: str
) -> BillingPeriod | None:
    """The period of an account that a request has sealed."""
    query = select(schema.billing_period).filter_by(
        tenant_id=tenant_id, account_id=account_id, close_request_id=request_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_period(row)


def find_oldest_open(
    connection: Connection, tenant_id: str, account_id: str
) -> BillingPeriod | None:
    """The oldest period of an account that is not closed."""
    table = schema.billing_period
    query = (
        select(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.account_id == account_id,
            table.c.state.in_([int(PeriodState.OPEN), int(PeriodState.SEALED)]),
        )
        .order_by(table.c.start_time)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_period(row)


def list_periods(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    state: PeriodState | None,
    request: PageRequest,
) -> Page[BillingPeriod]:
    """A tenant's periods by account and start; only those of an account and a state if given."""
    table = schema.billing_period
    query = select(table).where(table.c.tenant_id == tenant_id)
    if account_id:
        query = query.where(table.c.account_id == account_id)
    if state is not None:
        query = query.where(table.c.state == int(state))
    order = [table.c.account_id, table.c.start_time]
    return page_of(connection, query, order, request).mapped(_to_period)


def sealed_periods(connection: Connection, request: PageRequest) -> Page[tuple[str, BillingPeriod]]:
    """The sealed periods of every tenant, each with its tenant."""
    table = schema.billing_period
    query = select(table).where(table.c.state == int(PeriodState.SEALED))
    order = [table.c.tenant_id, table.c.account_id, table.c.start_time]
    page = page_of(connection, query, order, request)
    return page.mapped(lambda row: (row.tenant_id, _to_period(row)))


def update_period(connection: Connection, tenant_id: str, period: BillingPeriod) -> None:
    """Store how far a locked period has come."""
    table = schema.billing_period
    seal = period.seal
    connection.execute(
        update(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.account_id == period.account_id,
            table.c.start_time == period.span.start,
        )
        .values(
            state=int(period.state),
            seal_id=seal and seal.seal_id,
            seal_charge_count=seal and seal.usage.charge_count,
            seal_micros=seal and seal.usage.micros,
            seal_digest=seal and seal.digest,
            close_request_id=period.close_request_id or None,
            invoice_id=period.invoice_id or None,
        )
    )


def _to_period(row: Row[Any]) -> BillingPeriod:
    return BillingPeriod(
        row.account_id,
        Period(row.start_time, row.end_time),
        PeriodState(row.state),
        _to_seal(row) if row.seal_id else None,
        row.invoice_id or "",
        row.close_request_id or "",
    )


def _to_seal(row: Row[Any]) -> Seal:
    return Seal(row.seal_id, UsageSum(row.seal_charge_count, row.seal_micros), row.seal_digest)
