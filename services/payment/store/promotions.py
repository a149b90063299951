"""Promotional credit: each grant with what is left of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, tuple_, update

from chassis.database.direct import Direct
from kernel.money import Money
from services.payment.domain.funds.promotion import Promotion
from services.payment.store.schema import promotion_table

_columns = promotion_table.c

_SPEND = Direct(
    update(promotion_table)
    .where(
        _columns.tenant_id == bindparam("of_tenant"),
        _columns.promotion_id == bindparam("of_promotion"),
    )
    .values(remaining_micros=_columns.remaining_micros - bindparam("micros"))
)
_OPEN = select(promotion_table).where(
    _columns.tenant_id == bindparam("tenant_id"),
    _columns.account_id.in_(bindparam("account_ids", expanding=True)),
    _columns.remaining_micros > 0,
)

_GRANTED = Direct(
    select(_columns.account_id)
    .distinct()
    .where(
        _columns.tenant_id == bindparam("tenant_id"),
        _columns.account_id.in_(bindparam("account_ids", expanding=True)),
    )
)


def insert_promotion(connection: Connection, promotion: Promotion) -> None:
    """Store a new grant."""
    values = {
        "tenant_id": promotion.tenant_id,
        "promotion_id": promotion.promotion_id,
        "account_id": promotion.account_id,
        "currency": promotion.granted.currency,
        "granted_micros": promotion.granted.micros,
        "remaining_micros": promotion.remaining.micros,
        "create_time": promotion.create_time,
        "expire_time": promotion.expire_time,
    }
    connection.execute(insert(promotion_table), values)


def spend_promotions(
    connection: Connection, tenant_id: str, micros_by_id: Mapping[str, int]
) -> None:
    """Take from promotions; the same is posted to PROMOTION, and the partition's turn is ours."""
    rows = [
        {"of_tenant": tenant_id, "of_promotion": promotion_id, "micros": micros}
        for promotion_id, micros in micros_by_id.items()
    ]
    _SPEND.run_many(connection, rows)


def get_promotion(connection: Connection, tenant_id: str, promotion_id: str) -> Promotion:
    """Return a promotion that an entry of the journal names."""
    query = select(promotion_table).where(
        _columns.tenant_id == tenant_id, _columns.promotion_id == promotion_id
    )
    return promotion_of(connection.execute(query).one())


def ever_granted(connection: Connection, tenant_id: str, account_ids: Iterable[str]) -> list[str]:
    """The accounts that were ever given credit, whatever is left of it."""
    keys = {"tenant_id": tenant_id, "account_ids": list(account_ids)}
    return [account_id for (account_id,) in _GRANTED.rows(connection, keys)]


def promotions_of(
    connection: Connection, tenant_id: str, account_ids: Iterable[str]
) -> dict[str, list[Promotion]]:
    """By account, the promotions that have something left, whether or not they have expired."""
    keys = {"tenant_id": tenant_id, "account_ids": list(account_ids)}
    found: dict[str, list[Promotion]] = defaultdict(list)
    for row in connection.execute(_OPEN, keys):
        found[row.account_id].append(promotion_of(row))
    return found


def sums_left(connection: Connection) -> dict[tuple[str, str, str], int]:
    """The micros left in all of each account's promotions, by tenant, account and currency."""
    query = select(
        *(key := (_columns.tenant_id, _columns.account_id, _columns.currency)),
        func.sum(_columns.remaining_micros),
    ).group_by(*key)
    return {tuple(row[:3]): int(row[3]) for row in connection.execute(query)}


def list_promotions(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Promotion]:
    """The promotions of an account by the time of their expiry, behind a place in the list."""
    query = select(promotion_table).where(
        _columns.tenant_id == tenant_id, _columns.account_id == account_id
    )
    return _page_of(connection, query, after, limit)


def due_promotions(
    connection: Connection, now: datetime, after: tuple[datetime, str] | None, limit: int
) -> list[Promotion]:
    """Promotions of all tenants that have expired and have something left, the oldest first."""
    query = select(promotion_table).where(
        _columns.remaining_micros > 0, _columns.expire_time <= now
    )
    return _page_of(connection, query, after, limit)


def _page_of(
    connection: Connection, query: Select[Any], after: tuple[datetime, str] | None, limit: int
) -> list[Promotion]:
    """The next promotions of a query by the time of their expiry."""
    order = (_columns.expire_time, _columns.promotion_id)
    if after is not None:
        place = tuple_(*order)
        query = query.where(place > tuple_(*after, types=[c.type for c in place.clauses]))
    return [promotion_of(row) for row in connection.execute(query.order_by(*order).limit(limit))]


def promotion_of(row: Row[Any]) -> Promotion:
    """A grant from its row."""
    return Promotion(
        row.tenant_id,
        row.promotion_id,
        row.account_id,
        granted=Money(row.currency, row.granted_micros),
        remaining=Money(row.currency, row.remaining_micros),
        create_time=row.create_time,
        expire_time=row.expire_time,
    )
