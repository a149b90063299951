"""How far bundles and volume tiers are used up."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select, text, tuple_, type_coerce

from chassis.database.bulk import upsert_rows
from chassis.database.direct import Direct
from kernel.clock import from_micros
from kernel.period import Period
from services.rating.domain.counters import CounterKey, CounterState
from services.rating.store.counter_schema import usage_counter

# Locks are taken in one order, whoever takes them.
_LOCK = Direct(
    text("""
SELECT pg_advisory_xact_lock(lock_key) FROM (
    SELECT hashtextextended('counters/' || :tenant_id || '/' || owner, 0) AS lock_key
    FROM unnest(CAST(:owners AS text[])) AS owner ORDER BY lock_key
) AS keys
""")
)

_KEY_COLUMNS = ("owner_account_id", "source_id", "code", "period_start", "period_end")
_STATE_COLUMNS = ("granted", "used", "spent_micros")

# Times stay microseconds.
_COUNTERS = select(
    *(
        type_coerce(usage_counter.c[name], BigInteger).label(name)
        if name.startswith("period_")
        else usage_counter.c[name]
        for name in (*_KEY_COLUMNS, *_STATE_COLUMNS)
    )
).where(usage_counter.c.tenant_id == bindparam("tenant_id"))
_COUNTERS_SINCE = Direct(
    _COUNTERS.where(
        usage_counter.c.owner_account_id.in_(bindparam("owners", expanding=True)),
        usage_counter.c.period_start >= bindparam("since"),
    )
)


def lock_counters(
    connection: Connection, tenant_id: str, keys: Collection[CounterKey]
) -> dict[CounterKey, CounterState]:
    """The state of counters, which nobody else changes until the transaction ends."""
    lock_owners(connection, tenant_id, {key.owner_account_id for key in keys})
    return read_counters(connection, tenant_id, keys)


def lock_owners(connection: Connection, tenant_id: str, owner_ids: Collection[str]) -> None:
    """Keep others from the counters of some owners until the transaction ends.

    The lock is the owner's: a counter that is not there yet has no row to lock.
    """
    if connection.dialect.name == "postgresql":
        _LOCK.rows(connection, {"tenant_id": tenant_id, "owners": list(owner_ids)})


def read_counters(
    connection: Connection, tenant_id: str, keys: Collection[CounterKey]
) -> dict[CounterKey, CounterState]:
    """The state of counters at the moment."""
    # The others of the same owners since the oldest period may come along.
    parameters = {
        "tenant_id": tenant_id,
        "owners": sorted({key.owner_account_id for key in keys}),
        "since": min((key.period_start_micros for key in keys), default=0),
    }
    found = _states(_COUNTERS_SINCE.rows(connection, parameters))
    return {key: state for key, state in found.items() if key in keys}


def save_counters(
    connection: Connection, tenant_id: str, states: Mapping[CounterKey, CounterState]
) -> None:
    """Store the state of counters that are locked."""
    if not states:
        return
    names = "tenant_id", *_KEY_COLUMNS, *_STATE_COLUMNS
    rows = [(tenant_id, *key, *state) for key, state in sorted(states.items())]
    upsert_rows(connection, usage_counter, names, rows)


def list_counters(
    connection: Connection,
    tenant_id: str,
    owner_account_id: str,
    before: tuple[int, str, str] | None,
    limit: int,
) -> list[tuple[CounterKey, CounterState]]:
    """A page of an account's counters, the newest period first."""
    table = usage_counter.c
    query = _COUNTERS.where(table.owner_account_id == owner_account_id)
    place = tuple_(table.period_start, table.source_id, table.code)
    if before is not None:
        start, source_id, code = before
        types = [column.type for column in place.clauses]
        query = query.where(place < tuple_(from_micros(start), source_id, code, types=types))
    newest_first = (table.period_start.desc(), table.source_id.desc(), table.code.desc())
    page = query.order_by(*newest_first).limit(limit)
    return list(_states(connection.execute(page, {"tenant_id": tenant_id})).items())


def counters_of_period(
    connection: Connection, tenant_id: str, owner_account_ids: Collection[str], period: Period
) -> dict[CounterKey, CounterState]:
    """The counters of exactly a period."""
    table = usage_counter.c
    query = _COUNTERS.where(
        table.owner_account_id.in_(sorted(owner_account_ids)),
        table.period_start == period.start,
        table.period_end == period.end,
    )
    return _states(connection.execute(query, {"tenant_id": tenant_id}))


def _states(rows: Iterable[Any]) -> dict[CounterKey, CounterState]:
    return {CounterKey(*row[:5]): CounterState(*row[5:]) for row in rows}
