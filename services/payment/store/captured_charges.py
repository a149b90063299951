"""The charge revisions that were posted through a hold."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct
from services.payment.domain.funds_book import Capture
from services.payment.domain.transfers import ChargeRevision
from services.payment.store.funds_schema import captured_charge_table

_columns = captured_charge_table.c
_NAMES = [column.name for column in _columns]

_FIND = Direct(
    select(_columns.charge_id, _columns.revision).where(
        _columns.tenant_id == bindparam("tenant_id"),
        _columns.charge_id.in_(bindparam("charge_ids", expanding=True)),
    )
)


def captured_among(
    connection: Connection, tenant_id: str, charges: Collection[ChargeRevision]
) -> set[ChargeRevision]:
    """The revisions of these charges that were captured."""
    if not charges:
        return set()
    keys = {"tenant_id": tenant_id, "charge_ids": list({each.charge_id for each in charges})}
    return {ChargeRevision(*row) for row in _FIND.rows(connection, keys)}


def insert_captured(connection: Connection, tenant_id: str, captures: Iterable[Capture]) -> None:
    """Note what is posted through holds in this transaction."""
    rows = [(tenant_id, *each.charge, UUID(each.hold_id).bytes) for each in captures]
    insert_rows(connection, captured_charge_table, _NAMES, rows)
