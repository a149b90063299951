"""How far bundles and volume tiers are used up."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, select, tuple_, type_coerce

from chassis.database.insert import insert_into
from kernel.clock import from_micros
from kernel.period import Period
from services.rating.domain.counters import CounterKey, CounterState
from services.rating.store.counter_schema import usage_counter

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('counters/' || %s || '/' || %s, 0))"

_KEY_COLUMNS = ("owner_account_id", "source_id", "code", "period_start", "period_end")
_STATE_COLUMNS = ("granted", "used", "spent_micros")


def lock_counters(
    connection: Connection, tenant_id: str, keys: Collection[CounterKey]
) -> dict[CounterKey, CounterState]:
    """The state of counters, which nobody else changes until the transaction ends.

    The lock is their owner's: a counter that is not there yet has no row to lock.
    """
    if connection.dialect.name == "postgresql":
        for owner in sorted({key.owner_account_id for key in keys}):
            connection.exec_driver_sql(_LOCK, (tenant_id, owner))
    return read_counters(connection, tenant_id, keys)


def read_counters(
    connection: Connection, tenant_id: str, keys: Collection[CounterKey]
) -> dict[CounterKey, CounterState]:
    """The state of counters at the moment."""
    owners = sorted({key.owner_account_id for key in keys})
    return {
        key: state
        for key, state in _states_since(connection, tenant_id, owners, keys)
        if key in keys
    }


def save_counters(
    connection: Connection, tenant_id: str, states: Mapping[CounterKey, CounterState]
) -> None:
    """Store the state of counters that are locked."""
    if not states:
        return
    statement = insert_into(connection, usage_counter)
    statement = statement.on_conflict_do_update(
        index_elements=list(usage_counter.primary_key.columns),
        set_={name: statement.excluded[name] for name in (*_STATE_COLUMNS, "period_end")},
    )
    connection.execute(
        statement, [_values(tenant_id, key, state) for key, state in sorted(states.items())]
    )


def list_counters(
    connection: Connection,
    tenant_id: str,
    owner_account_id: str,
    before: tuple[int, str, str] | None,
    limit: int,
) -> list[tuple[CounterKey, CounterState]]:
    """A page of an account's counters, the newest period first."""
    table = usage_counter.c
    query = _counters(tenant_id).where(table.owner_account_id == owner_account_id)
    place = tuple_(table.period_start, table.source_id, table.code)
    if before is not None:
        start, source_id, code = before
        query = query.where(place < tuple_(from_micros(start), source_id, code))
    newest_first = (table.period_start.desc(), table.source_id.desc(), table.code.desc())
    rows = connection.execute(query.order_by(*newest_first).limit(limit))
    return [(CounterKey(*row[:5]), CounterState(*row[5:])) for row in rows]


def counters_of_period(
    connection: Connection, tenant_id: str, owner_account_ids: Collection[str], period: Period
) -> dict[CounterKey, CounterState]:
    """The counters of exactly a period."""
    table = usage_counter.c
    query = _counters(tenant_id).where(
        table.owner_account_id.in_(sorted(owner_account_ids)),
        table.period_start == period.start,
        table.period_end == period.end,
    )
    return {CounterKey(*row[:5]): CounterState(*row[5:]) for row in connection.execute(query)}


def _states_since(
    connection: Connection, tenant_id: str, owners: Collection[str], keys: Collection[CounterKey]
) -> list[tuple[CounterKey, CounterState]]:
    """Those of some owners, from the oldest period that is asked for on."""
    since = from_micros(min((key.period_start_micros for key in keys), default=0))
    query = _counters(tenant_id).where(
        usage_counter.c.owner_account_id.in_(owners), usage_counter.c.period_start >= since
    )
    return [(CounterKey(*row[:5]), CounterState(*row[5:])) for row in connection.execute(query)]


def _counters(tenant_id: str) -> Any:
    # Times stay microseconds.
    columns = [
        type_coerce(usage_counter.c[name], BigInteger).label(name)
        if name.startswith("period_")
        else usage_counter.c[name]
        for name in (*_KEY_COLUMNS, *_STATE_COLUMNS)
    ]
    return select(*columns).where(usage_counter.c.tenant_id == tenant_id)


def _values(tenant_id: str, key: CounterKey, state: CounterState) -> dict[str, Any]:
    owner, source_id, code, start, end = key
    return {
        "tenant_id": tenant_id,
        "owner_account_id": owner,
        "source_id": source_id,
        "code": code,
        "period_start": from_micros(start),
        "period_end": from_micros(end),
        **dict(zip(_STATE_COLUMNS, state, strict=True)),
    }
