"""What promotional credit has paid of charges, so that what is given back of them finds its way."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select

from chassis.database.bulk import insert_rows
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.transfers import ChargeRevision
from services.payment.store.funds_schema import promotion_payment_table
from services.payment.store.promotions import promotion_of
from services.payment.store.schema import promotion_table

_columns = promotion_payment_table.c
_NAMES = [column.name for column in _columns]


def promotion_payments_of(
    connection: Connection, tenant_id: str, charge_ids: Collection[bytes]
) -> dict[bytes, list[tuple[Promotion, int]]]:
    """By charge, which promotions have paid how much; a payment for each revision."""
    paid: dict[bytes, list[tuple[Promotion, int]]] = defaultdict(list)
    if not charge_ids:
        return paid
    query = (
        select(_columns.charge_id, _columns.micros, promotion_table)
        .join(
            promotion_table,
            (promotion_table.c.tenant_id == _columns.tenant_id)
            & (promotion_table.c.promotion_id == _columns.promotion_id),
        )
        .where(_columns.tenant_id == tenant_id, _columns.charge_id.in_(charge_ids))
    )
    for row in connection.execute(query):
        paid[row.charge_id].append((promotion_of(row), row.micros))
    return paid


def insert_promotion_payments(
    connection: Connection,
    tenant_id: str,
    payments: Iterable[tuple[ChargeRevision, Promotion, int]],
) -> None:
    """Note what promotions pay of charge revisions, and what they get back of them."""
    rows = [
        (tenant_id, *charge, promotion.promotion_id, micros)
        for charge, promotion, micros in payments
    ]
    insert_rows(connection, promotion_payment_table, _NAMES, rows)
