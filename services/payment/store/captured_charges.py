"""The charge revisions that were posted through a hold, and who has paid for them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct
from services.payment.domain.funds_book import Capture
from services.payment.domain.promotion import Promotion
from services.payment.domain.spending import ChargePayment
from services.payment.domain.transfers import ChargeRevision
from services.payment.store.funds_schema import captured_charge_table, promotion_payment_table
from services.payment.store.promotions import promotion_of
from services.payment.store.schema import promotion_table

_columns = captured_charge_table.c
_NAMES = [column.name for column in _columns]
_paid = promotion_payment_table.c
_PAID_NAMES = [column.name for column in _paid]

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


def payments_of(
    connection: Connection, tenant_id: str, charge_ids: Collection[bytes]
) -> dict[bytes, ChargePayment]:
    """Who has paid for charges, as far as something was captured of them."""
    if not charge_ids:
        return {}
    own = (
        select(_columns.charge_id, func.sum(_columns.own_micros))
        .where(_columns.tenant_id == tenant_id, _columns.charge_id.in_(charge_ids))
        .group_by(_columns.charge_id)
    )
    promoted = (
        select(_paid.charge_id, _paid.micros, promotion_table)
        .join(
            promotion_table,
            (promotion_table.c.tenant_id == _paid.tenant_id)
            & (promotion_table.c.promotion_id == _paid.promotion_id),
        )
        .where(_paid.tenant_id == tenant_id, _paid.charge_id.in_(charge_ids))
    )
    by_charge: dict[bytes, list[tuple[Promotion, int]]] = defaultdict(list)
    for row in connection.execute(promoted):
        by_charge[row.charge_id].append((promotion_of(row), row.micros))
    return {
        charge_id: ChargePayment().plus(int(micros), by_charge[charge_id])
        for charge_id, micros in connection.execute(own)
    }


def insert_captured(connection: Connection, tenant_id: str, captures: Iterable[Capture]) -> None:
    """Note what is posted through holds in this transaction, and who pays for it."""
    posted = list(captures)
    rows = [(tenant_id, *each.charge, UUID(each.hold_id).bytes, each.own_micros) for each in posted]
    insert_rows(connection, captured_charge_table, _NAMES, rows)
    paid = [
        (tenant_id, *each.charge, promotion.promotion_id, micros)
        for each in posted
        for promotion, micros in each.paid
    ]
    insert_rows(connection, promotion_payment_table, _PAID_NAMES, paid)
