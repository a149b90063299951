"""Suppliers, and all that they have ever been."""

import json
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from chassis.database.insert import insert_if_new
from services.rating.domain.tariffs.supplier import Supplier, Suppliers
from services.rating.store.routing_schema import supplier, supplier_revision


def insert_supplier_if_new(connection: Connection, tenant_id: str, new: Supplier) -> bool:
    """Store a supplier in its first revision; False when its code or id is taken."""
    values = {
        "tenant_id": tenant_id,
        "supplier_id": new.supplier_id,
        "code": new.code,
        "currency": new.currency,
        "latest_revision": new.revision,
        "create_time": new.create_time,
    }
    if not insert_if_new(connection, supplier, values):
        return False
    _insert_revision(connection, tenant_id, new)
    return True


def append_supplier_revision(connection: Connection, tenant_id: str, changed: Supplier) -> None:
    """Store what a supplier is from a time on; the tariff is locked already."""
    table = supplier.c
    connection.execute(
        update(supplier)
        .where(table.tenant_id == tenant_id, table.supplier_id == changed.supplier_id)
        .values(latest_revision=changed.revision)
    )
    _insert_revision(connection, tenant_id, changed)


def supplier_of(connection: Connection, tenant_id: str, supplier_id: str) -> Supplier | None:
    """One supplier as it is now."""
    row = connection.execute(
        _newest(tenant_id).where(supplier.c.supplier_id == supplier_id)
    ).one_or_none()
    return None if row is None else _from_row(row)


def list_suppliers(
    connection: Connection, tenant_id: str, after_code: str = "", limit: int | None = None
) -> list[Supplier]:
    """Suppliers as they are now, by code; a page, or all."""
    query = _newest(tenant_id).where(supplier.c.code > after_code)
    rows = connection.execute(query.order_by(supplier.c.code).limit(limit))
    return [_from_row(row) for row in rows]


def list_supplier_revisions(
    connection: Connection, tenant_id: str, supplier_id: str, before: int | None, limit: int
) -> list[Supplier]:
    """What a supplier has been, newest first; a page of revisions below one, or of all."""
    revision = supplier_revision.c.revision
    query = _revisions(tenant_id).where(supplier.c.supplier_id == supplier_id)
    if before is not None:
        query = query.where(revision < before)
    newest_first = query.order_by(revision.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(newest_first)]


def read_suppliers(connection: Connection, tenant_id: str) -> Suppliers:
    """All suppliers of a tenant over time."""
    return Suppliers(_from_row(row) for row in connection.execute(_revisions(tenant_id)))


def _insert_revision(connection: Connection, tenant_id: str, revision: Supplier) -> None:
    values = {
        "tenant_id": tenant_id,
        "supplier_id": revision.supplier_id,
        "revision": revision.revision,
        "effective_time": revision.effective_time,
        "display_name": revision.display_name,
        "rate_deck_ids": json.dumps(revision.rate_deck_ids),
        "quality": revision.quality,
        "weight": revision.weight,
        "trunks": json.dumps(revision.trunks),
        "enabled": int(revision.enabled),
    }
    connection.execute(supplier_revision.insert(), values)


def _newest(tenant_id: str) -> Select[Any]:
    return _revisions(tenant_id).where(supplier_revision.c.revision == supplier.c.latest_revision)


def _revisions(tenant_id: str) -> Select[Any]:
    head, revision = supplier.c, supplier_revision.c
    same = (head.tenant_id == revision.tenant_id) & (head.supplier_id == revision.supplier_id)
    columns = (each for each in supplier_revision.c if each.name not in head)
    return (
        select(supplier, *columns).join(supplier_revision, same).where(head.tenant_id == tenant_id)
    )


def _from_row(row: Row[Any]) -> Supplier:
    return Supplier(
        supplier_id=row.supplier_id,
        code=row.code,
        display_name=row.display_name,
        currency=row.currency,
        rate_deck_ids=tuple(json.loads(row.rate_deck_ids)),
        quality=row.quality,
        weight=row.weight,
        trunks=tuple(json.loads(row.trunks)),
        enabled=bool(row.enabled),
        revision=row.revision,
        effective_time=row.effective_time,
        create_time=row.create_time,
    )
