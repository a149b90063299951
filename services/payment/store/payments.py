"""The payments received."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from chassis.database.insert import insert_if_new
from chassis.database.unit_of_work import EventPosition
from kernel.money import Money
from services.payment.domain.errors import payment_exists, payment_not_found
from services.payment.domain.payment import Payment, Receipt
from services.payment.store.schema import payment_table

_columns = payment_table.c


def insert_payment(
    connection: Connection, tenant_id: str, payment: Payment, announced: EventPosition
) -> None:
    """Store a payment with the place of the event that tells of it. Raises PAYMENT_EXISTS."""
    receipt = payment.receipt
    values = {
        "tenant_id": tenant_id,
        "payment_id": receipt.payment_id,
        "account_id": receipt.account_id,
        "method": int(receipt.method),
        "currency": receipt.amount.currency,
        "micros": receipt.amount.micros,
        "value_date": receipt.value_date,
        "evidence": receipt.evidence,
        "invoice_id": receipt.invoice_id,
        "actor": payment.actor,
        "create_time": payment.create_time,
        "event_partition": announced.partition,
        "event_sequence": announced.sequence,
    }
    if not insert_if_new(connection, payment_table, values):
        raise payment_exists(receipt.payment_id)


def get_payment(connection: Connection, tenant_id: str, payment_id: str) -> Payment:
    """Return a payment. Raises NOT_FOUND PAYMENT_NOT_FOUND."""
    query = select(payment_table).where(
        _columns.tenant_id == tenant_id, _columns.payment_id == payment_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise payment_not_found(payment_id)
    return _payment(row)


def list_payments(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Payment]:
    """Payments of a tenant, or of one account, newest first, older than a place in the list."""
    query = select(payment_table).where(_columns.tenant_id == tenant_id)
    if account_id:
        query = query.where(_columns.account_id == account_id)
    if before is not None:
        place = tuple_(_columns.create_time, _columns.payment_id)
        query = query.where(place < tuple_(*before, types=[c.type for c in place.clauses]))
    query = query.order_by(_columns.create_time.desc(), _columns.payment_id.desc()).limit(limit)
    return [_payment(row) for row in connection.execute(query)]


def _payment(row: Row[Any]) -> Payment:
    receipt = Receipt(
        payment_id=row.payment_id,
        account_id=row.account_id,
        method=row.method,
        amount=Money(row.currency, row.micros),
        value_date=row.value_date,
        evidence=row.evidence,
        invoice_id=row.invoice_id,
    )
    return Payment(receipt, row.actor, row.create_time)
