"""Limits on calls, and the calls that count against them.

A call is counted in the transaction that writes its session, so replicas never admit one too many:
on PostgreSQL an advisory lock of each limited account, line or trunk lets one of them count at a
time. Where nothing is limited there is no lock and no row.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)

from chassis.database.direct import Direct
from chassis.database.insert import insert_into, upsert
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros, utc_now
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.limits import (
    RATE_WINDOW_SECONDS,
    CallCounts,
    CallLimit,
    CallsSeen,
    CallToAdmit,
    LimitScope,
    ScopeKey,
    limits_in_force,
)
from services.rating.store.charging_schema import call_limit, counted_call

# Read with every new call. Three lists find more than the keys, and few texts are ever prepared.
_LIMITS = Direct(
    select(
        call_limit.c.tenant_id,
        call_limit.c.scope,
        call_limit.c.scope_id,
        call_limit.c.concurrent_calls_max,
        call_limit.c.calls_per_second_max,
    ).where(
        call_limit.c.tenant_id.in_(bindparam("tenant_ids", expanding=True)),
        call_limit.c.scope.in_(bindparam("scopes", expanding=True)),
        call_limit.c.scope_id.in_(bindparam("scope_ids", expanding=True)),
    )
)
_IS_OF_SCOPES = tuple_(counted_call.c.tenant_id, counted_call.c.scope, counted_call.c.scope_id).in_(
    bindparam("keys", expanding=True)
)
_FORGET_ENDED = delete(counted_call).where(
    _IS_OF_SCOPES,
    counted_call.c.end_time.is_not(None),
    counted_call.c.open_time <= bindparam("second_ago"),
)
_COUNTS = (
    select(
        counted_call.c.tenant_id,
        counted_call.c.scope,
        counted_call.c.scope_id,
        func.count().filter(counted_call.c.end_time.is_(None)).label("open_count"),
        func.count()
        .filter(counted_call.c.open_time > bindparam("second_ago"))
        .label("recent_count"),
    )
    .where(_IS_OF_SCOPES)
    .group_by(counted_call.c.tenant_id, counted_call.c.scope, counted_call.c.scope_id)
)
_END = Direct(
    update(counted_call)
    .where(
        counted_call.c.tenant_id == bindparam("of_tenant"),
        counted_call.c.session_id.in_(bindparam("session_ids", expanding=True)),
        counted_call.c.end_time.is_(None),
    )
    .values(end_time=bindparam("moment"))
)
_LOCK = "SELECT pg_advisory_xact_lock(key) FROM unnest(%(keys)s::bigint[]) AS key"


class StoredLimit(NamedTuple):
    """A limit as it is kept."""

    key: ScopeKey
    limit: CallLimit
    update_time: datetime


def admit_calls(uow: UnitOfWork, calls: Sequence[CallToAdmit]) -> list[Reason]:
    """Count calls that begin, in their order; the reason of each that would be one too many.

    To be called once for each new session, in the transaction that writes it and before that
    changes or locks any other row. `release_calls` ends the counting.
    """
    connection = uow.connection
    scopes = [list(call.scopes()) for call in calls]
    limits = _limits_of(connection, {key for keys in scopes for key in keys})
    if not limits:
        return [Reason.NONE] * len(calls)
    _lock(connection, limits)
    # The transaction's own time is older than its wait for the lock.
    moment = utc_now()
    counts = CallCounts(limits, _calls_seen(connection, limits, moment))
    reasons = [counts.admit(keys) for keys in scopes]
    rows = [
        {**key._asdict(), "session_id": call.session_id, "open_time": moment}
        for call, keys, reason in zip(calls, scopes, reasons, strict=True)
        for key in keys
        if key in limits and not reason
    ]
    if rows:
        insert = insert_into(connection, counted_call).on_conflict_do_nothing()
        connection.execute(insert, rows)
    return reasons


def release_calls(uow: UnitOfWork, sessions: Collection[tuple[str, str]]) -> None:
    """Count calls no longer that have ended, were refused or have expired: (tenant, session)."""
    moment = to_micros(uow.now)
    for tenant_id in sorted({tenant_id for tenant_id, _ in sessions}):
        ids = sorted(session_id for owner, session_id in sessions if owner == tenant_id)
        _END.run(uow.connection, {"of_tenant": tenant_id, "session_ids": ids, "moment": moment})


def forget_counted_calls(connection: Connection, begun_before: datetime, limit: int) -> int:
    """Delete what was counted of calls that are over; tells how many.

    Whoever counts deletes them too, but nobody counts for a limit that was removed.
    """
    table = counted_call.c
    key = (table.tenant_id, table.scope, table.scope_id, table.session_id)
    is_over = table.end_time.is_not(None), table.open_time <= begun_before
    over = select(*key).where(*is_over).limit(limit)
    return connection.execute(delete(counted_call).where(tuple_(*key).in_(over))).rowcount


def set_limit(connection: Connection, stored: StoredLimit) -> None:
    """Keep a limit in place of the one there was."""
    values = {
        **stored.key._asdict(),
        "concurrent_calls_max": stored.limit.concurrent_calls_max,
        "calls_per_second_max": stored.limit.calls_per_second_max,
        "update_time": stored.update_time,
    }
    upsert(connection, call_limit, values)


def delete_limit(connection: Connection, key: ScopeKey) -> bool:
    """Remove a limit; tells whether there was one."""
    return connection.execute(delete(call_limit).where(_is(key))).rowcount > 0


def list_limits(
    connection: Connection, tenant_id: str, after: tuple[int, str] | None, limit: int
) -> list[StoredLimit]:
    """A page of a tenant's limits, by kind and id."""
    table = call_limit.c
    query = select(call_limit).where(table.tenant_id == tenant_id)
    if after is not None:
        query = query.where(tuple_(table.scope, table.scope_id) > after)
    rows = connection.execute(query.order_by(table.scope, table.scope_id).limit(limit))
    return [StoredLimit(_key(row), _limit(row), row.update_time) for row in rows]


def _limits_of(connection: Connection, keys: Collection[ScopeKey]) -> dict[ScopeKey, CallLimit]:
    if not keys:
        return {}
    asked = {*keys, *(key.usual() for key in keys)}
    lists = {
        "tenant_ids": sorted({key.tenant_id for key in asked}),
        "scopes": sorted({int(key.scope) for key in asked}),
        "scope_ids": sorted({key.scope_id for key in asked}),
    }
    rows = _LIMITS.rows(connection, lists)
    found = {
        ScopeKey(tenant_id, LimitScope(scope), scope_id): CallLimit(*limits)
        for tenant_id, scope, scope_id, *limits in rows
    }
    return limits_in_force(keys, found)


def _lock(connection: Connection, keys: Iterable[ScopeKey]) -> None:
    """Keep other replicas from counting in the same scopes; in one order, so that none deadlock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK, {"keys": sorted(map(_lock_key, keys))})


def _lock_key(key: ScopeKey) -> int:
    text = "\0".join(("calls", key.tenant_id, str(int(key.scope)), key.scope_id))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _calls_seen(
    connection: Connection, keys: Collection[ScopeKey], moment: datetime
) -> dict[ScopeKey, CallsSeen]:
    second_ago = moment - timedelta(seconds=RATE_WINDOW_SECONDS)
    parameters = {"keys": sorted(keys), "second_ago": second_ago}
    connection.execute(_FORGET_ENDED, parameters)
    rows = connection.execute(_COUNTS, parameters)
    return {_key(row): CallsSeen(row.open_count, row.recent_count) for row in rows}


def _key(row: Any) -> ScopeKey:
    return ScopeKey(row.tenant_id, LimitScope(row.scope), row.scope_id)


def _limit(row: Any) -> CallLimit:
    return CallLimit(row.concurrent_calls_max, row.calls_per_second_max)


def _is(key: ScopeKey) -> ColumnElement[bool]:
    table = call_limit.c
    return tuple_(table.tenant_id, table.scope, table.scope_id) == tuple(key)
