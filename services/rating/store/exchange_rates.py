"""Exchange rates of a tenant: added, never edited."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, or_, select, tuple_

from chassis.database.bulk import insert_ignoring_known
from kernel.clock import from_micros, to_micros
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.store.tariff_schema import exchange_rate


class RateKey(NamedTuple):
    """What there is one rate for."""

    from_currency: str
    to_currency: str
    effective_micros: int


class StoredRate(NamedTuple):
    """A rate, and when it was added."""

    rate: ExchangeRate
    create_time: datetime


def key_of(rate: ExchangeRate) -> RateKey:
    """The key of a rate."""
    return RateKey(rate.from_currency, rate.to_currency, to_micros(rate.effective_time))


def add_rates(
    connection: Connection, tenant_id: str, rates: Sequence[ExchangeRate], now: datetime
) -> int:
    """Add the rates whose key is not taken, the first of each key; how many there were."""
    names = [column.name for column in exchange_rate.columns]
    first = {key_of(rate): rate for rate in reversed(rates)}
    rows = [
        (tenant_id, *key, rate.rate_text, rate.source, to_micros(now))
        for key, rate in first.items()
    ]
    key_names = [column.name for column in exchange_rate.primary_key.columns]
    return len(insert_ignoring_known(connection, exchange_rate, names, rows, key_names))


def rates_of(
    connection: Connection, tenant_id: str, keys: Collection[RateKey]
) -> dict[RateKey, StoredRate]:
    """The known rates among some keys."""
    table = exchange_rate.c
    wanted = [(key[0], key[1], from_micros(key.effective_micros)) for key in sorted(keys)]
    of_keys = tuple_(table.from_currency, table.to_currency, table.effective_time).in_(wanted)
    found = [_stored(row) for row in connection.execute(_rates(tenant_id).where(of_keys))]
    return {key_of(each.rate): each for each in found}


def has_rate_at(
    connection: Connection, tenant_id: str, from_currency: str, to_currency: str, moment: datetime
) -> bool:
    """Whether an amount can be exchanged at a time, by a rate or by the inverse of one."""
    if from_currency == to_currency:
        return True
    table = exchange_rate.c
    pairs = [(from_currency, to_currency), (to_currency, from_currency)]
    query = select(table.rate).where(
        table.tenant_id == tenant_id,
        or_(*(and_(table.from_currency == a, table.to_currency == b) for a, b in pairs)),
        table.effective_time <= moment,
    )
    return connection.execute(query.limit(1)).first() is not None


def list_exchange_rates(
    connection: Connection,
    tenant_id: str,
    pair: tuple[str, str],
    after: RateKey | None,
    limit: int,
) -> list[StoredRate]:
    """A page of rates by pair, each pair's newest first; of a pair, or where a part of it is ''."""
    table = exchange_rate.c
    query = _rates(tenant_id)
    for column, currency in zip((table.from_currency, table.to_currency), pair, strict=True):
        if currency:
            query = query.where(column == currency)
    if after is not None:
        here = tuple_(table.from_currency, table.to_currency)
        there = tuple_(after.from_currency, after.to_currency)
        older = table.effective_time < from_micros(after.effective_micros)
        query = query.where(or_(here > there, and_(here == there, older)))
    order = (table.from_currency, table.to_currency, table.effective_time.desc())
    return [_stored(row) for row in connection.execute(query.order_by(*order).limit(limit))]


def count_rates(connection: Connection, tenant_id: str) -> int:
    """How many rates a tenant has."""
    query = select(func.count()).where(exchange_rate.c.tenant_id == tenant_id)
    return int(connection.execute(query).scalar_one())


def read_exchange_rates(connection: Connection, tenant_id: str) -> list[ExchangeRate]:
    """Every rate of a tenant."""
    return [_stored(row).rate for row in connection.execute(_rates(tenant_id))]


def _rates(tenant_id: str) -> Select[Any]:
    table = exchange_rate.c
    columns = (
        table.from_currency,
        table.to_currency,
        table.effective_time,
        table.rate,
        table.source,
        table.create_time,
    )
    return select(*columns).where(table.tenant_id == tenant_id)


def _stored(row: Any) -> StoredRate:
    *rate, create_time = row
    return StoredRate(ExchangeRate(*rate), create_time)
