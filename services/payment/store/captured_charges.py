"""The charge revisions that were posted through a hold, and who has paid for them."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct
from services.payment.domain.funds.funds_book import Capture
from services.payment.domain.funds.spending import ChargePayment
from services.payment.domain.funds.transfers import ChargeRevision
from services.payment.store.funds_schema import captured_charge_table
from services.payment.store.promotion_payments import (
    insert_promotion_payments,
    promotion_payments_of,
)

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
    own_micros = {charge_id: int(micros) for charge_id, micros in connection.execute(own)}
    promoted = promotion_payments_of(connection, tenant_id, charge_ids)
    # Of revisions without a hold nothing tells what was the account's own: credit is paid back
    # before it, so that it never becomes money.
    return {
        charge_id: ChargePayment().plus(own_micros.get(charge_id, 0), promoted.get(charge_id, ()))
        for charge_id in own_micros.keys() | promoted.keys()
    }


def insert_captured(connection: Connection, tenant_id: str, captures: Iterable[Capture]) -> None:
    """Note what is posted through holds in this transaction, and who pays for it."""
    posted = list(captures)
    rows = [(tenant_id, *each.charge, UUID(each.hold_id).bytes, each.own_micros) for each in posted]
    insert_rows(connection, captured_charge_table, _NAMES, rows)
    paid = [(each.charge, *share) for each in posted for share in each.paid]
    insert_promotion_payments(connection, tenant_id, paid)
