"""The adjustments made, and which entries they took back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, or_, select, tuple_

from chassis.database.insert import insert_if_new
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, ExchangeRate
from services.payment.domain.adjustments.adjustment_errors import (
    adjustment_not_found,
    entry_corrected,
)
from services.payment.domain.ledger.entries import EntryReason
from services.payment.store.schema import adjustment_table, corrected_entry_table

_columns = adjustment_table.c


def insert_adjustment(connection: Connection, adjustment: Adjustment) -> None:
    """Store what was done."""
    connection.execute(insert(adjustment_table), _values(adjustment))


def note_corrected(
    connection: Connection, tenant_id: str, entry_ids: Iterable[UUID], adjustment_id: str
) -> None:
    """Remember that entries were taken back. Raises ENTRY_CORRECTED when one was before."""
    for entry_id in entry_ids:
        values = {
            "tenant_id": tenant_id,
            "journal_entry_id": entry_id.bytes,
            "adjustment_id": adjustment_id,
        }
        if not insert_if_new(connection, corrected_entry_table, values):
            raise entry_corrected(str(entry_id))


def get_adjustment(connection: Connection, tenant_id: str, adjustment_id: str) -> Adjustment:
    """Return an adjustment. Raises NOT_FOUND ADJUSTMENT_NOT_FOUND."""
    query = select(adjustment_table).where(
        _columns.tenant_id == tenant_id, _columns.adjustment_id == adjustment_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise adjustment_not_found(adjustment_id)
    return _adjustment(row)


def list_adjustments(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Adjustment]:
    """Adjustments of a tenant, or of one account on either side, newest first."""
    query = select(adjustment_table).where(_columns.tenant_id == tenant_id)
    if account_id:
        sides = (_columns.account_id, _columns.counter_account_id)
        query = query.where(or_(*(side == account_id for side in sides)))
    if before is not None:
        place = tuple_(_columns.create_time, _columns.adjustment_id)
        query = query.where(place < tuple_(*before, types=[c.type for c in place.clauses]))
    order = (_columns.create_time.desc(), _columns.adjustment_id.desc())
    return [_adjustment(row) for row in connection.execute(query.order_by(*order).limit(limit))]


def _values(adjustment: Adjustment) -> dict[str, object]:
    counter, rate = adjustment.counter_amount, adjustment.rate
    entry_id, *counter_entry = adjustment.journal_entry_ids
    corrected = adjustment.corrected_entry_id
    return {
        "tenant_id": adjustment.tenant_id,
        "adjustment_id": adjustment.adjustment_id,
        "reason": int(adjustment.reason),
        "account_id": adjustment.account_id,
        "currency": adjustment.amount.currency,
        "micros": adjustment.amount.micros,
        "counter_account_id": adjustment.counter_account_id or None,
        "counter_currency": counter and counter.currency,
        "counter_micros": counter and counter.micros,
        "rate": rate and rate.text,
        "rate_is_inverse": rate and rate.is_inverse,
        "rate_source": rate and rate.source,
        "note": adjustment.note,
        "actor": adjustment.actor,
        "create_time": adjustment.create_time,
        "journal_entry_id": entry_id.bytes,
        "counter_entry_id": counter_entry[0].bytes if counter_entry else None,
        "corrected_entry_id": corrected and corrected.bytes,
    }


def _adjustment(row: Row[Any]) -> Adjustment:
    counter, rate = row.counter_currency, row.rate
    entries = (row.journal_entry_id, row.counter_entry_id)
    corrected = row.corrected_entry_id
    return Adjustment(
        tenant_id=row.tenant_id,
        adjustment_id=row.adjustment_id,
        reason=EntryReason(row.reason),
        account_id=row.account_id,
        amount=Money(row.currency, row.micros),
        note=row.note,
        actor=row.actor,
        create_time=row.create_time,
        journal_entry_ids=tuple(UUID(bytes=key) for key in entries if key),
        counter_account_id=row.counter_account_id or "",
        counter_amount=Money(counter, row.counter_micros) if counter else None,
        rate=ExchangeRate(rate, row.rate_is_inverse, row.rate_source) if rate else None,
        corrected_entry_id=UUID(bytes=corrected) if corrected else None,
    )
