"""Charging sessions: loaded, changed and found by the call that they are of, a batch at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    literal,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)

from chassis.database.bulk import recordset, update_rows, write_rows
from chassis.database.direct import Direct, Row, driver_cursor
from kernel.clock import from_micros, to_micros
from services.rating.domain.charging.session import LIVE_STATES, Session, SessionState
from services.rating.domain.compact_json import json_text
from services.rating.store.session_rows import (
    CHANGING_NAMES,
    KEY_NAMES,
    NAMES,
    changed_row,
    session_of,
    session_row,
)
from services.rating.store.session_schema import charging_session

# PostgreSQL takes 65,535 parameters, SQLite 32,766.
KEYS_PER_STATEMENT_MAX = 10_000

_TABLE = charging_session.name
NOTHING: Mapping[tuple[str, str], Session] = {}
# Times stay microseconds.
_COLUMNS = tuple(
    type_coerce(charging_session.c[name], BigInteger).label(name)
    if name.endswith("_time")
    else charging_session.c[name]
    for name in NAMES
)

_CHANGED_NAMES = (*CHANGING_NAMES, *KEY_NAMES)
# One prepared statement, however many sessions.
_INSERT_DOCUMENT = (
    f"INSERT INTO {_TABLE} ({', '.join(NAMES)}) "  # noqa: S608 our own names
    f"SELECT * FROM {recordset(charging_session, NAMES)}"
)
_INSERT_ROWS = f"INSERT INTO {_TABLE} ({', '.join(NAMES)}) VALUES ({', '.join('?' * len(NAMES))})"  # noqa: S608 our own names
_LOCK = (
    f"SELECT session_id, version FROM {_TABLE} "  # noqa: S608 our own names
    "WHERE tenant_id = %s AND session_id = ANY(%s) ORDER BY session_id FOR UPDATE"
)
_VERSIONS = (
    f"SELECT session_id, version FROM {_TABLE} "  # noqa: S608 our own names
    "WHERE tenant_id = ? AND session_id IN (SELECT value FROM json_each(?))"
)
_SESSIONS = Direct(
    select(*_COLUMNS).where(
        charging_session.c.tenant_id == bindparam("tenant_id"),
        charging_session.c.session_id.in_(bindparam("session_ids", expanding=True)),
    )
)
# Asked by every replica each second.
_DUE = Direct(
    select(*_COLUMNS)
    .where(
        charging_session.c.state == bindparam("state"),
        charging_session.c.expire_time <= bindparam("moment"),
    )
    .order_by(charging_session.c.expire_time)
    .limit(bindparam("limit"))
)
_OF_CALLS = select(charging_session.c.session_id).where(
    charging_session.c.tenant_id == bindparam("tenant_id"),
    charging_session.c.call_key.in_(bindparam("call_keys", expanding=True)),
    charging_session.c.state != SessionState.REFUSED,
)
_RENAME = Direct(
    update(charging_session)
    .where(
        charging_session.c.tenant_id == bindparam("of_tenant"),
        charging_session.c.session_id == bindparam("old_id"),
    )
    .values(session_id=bindparam("new_id"))
)
_BETWEEN = Direct(
    select(literal(1))
    .where(
        charging_session.c.tenant_id == bindparam("tenant_id"),
        charging_session.c.start_time.between(bindparam("first"), bindparam("last")),
    )
    .limit(1)
)


def lock_sessions(
    connection: Connection,
    tenant_id: str,
    session_ids: Collection[str],
    recent: Mapping[tuple[str, str], Session] = NOTHING,
) -> dict[str, Session]:
    """The known sessions among some ids, which nobody else changes until the transaction ends.

    Of sessions that are in memory as they are stored, `recent` by tenant and id, only the version
    is read.
    """
    known, missing = {}, []
    for session_id, version in _lock(connection, tenant_id, sorted(set(session_ids))):
        session = recent.get((tenant_id, session_id))
        if session is not None and session.version == version:
            known[session_id] = session
        else:
            missing.append(session_id)
    if missing:
        parameters = {"tenant_id": tenant_id, "session_ids": missing}
        read = map(session_of, _SESSIONS.rows(connection, parameters))
        known.update({session.session_id: session for session in read})
    return known


def _lock(connection: Connection, tenant_id: str, session_ids: list[str]) -> list[Row]:
    """The ids and versions of those that are known."""
    if connection.dialect.name == "postgresql":
        return _rows(connection, _LOCK, (tenant_id, session_ids))
    # SQLite has one writer; its transaction is the lock.
    return _rows(connection, _VERSIONS, (tenant_id, json_text(session_ids)))


def _rows(connection: Connection, statement: str, parameters: Row) -> list[Row]:
    with driver_cursor(connection, statement) as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def insert_sessions(connection: Connection, sessions: Sequence[Session]) -> None:
    """Store new sessions.

    Raises:
        sqlalchemy.exc.IntegrityError: another replica was first with one of them.
    """
    rows = list(map(session_row, sessions))
    write_rows(connection, NAMES, rows, _INSERT_DOCUMENT, _INSERT_ROWS)


def update_sessions(connection: Connection, sessions: Sequence[Session]) -> None:
    """Store what has become of sessions that are locked, each in its next version."""
    rows = list(map(changed_row, sessions))
    update_rows(connection, charging_session, _CHANGED_NAMES, rows)


def rename_sessions(connection: Connection, new_ids: Mapping[tuple[str, str], str]) -> None:
    """Give sessions that are locked, by tenant and id, other ids."""
    rows = [
        {"of_tenant": tenant_id, "old_id": session_id, "new_id": new_id}
        for (tenant_id, session_id), new_id in new_ids.items()
    ]
    _RENAME.run_many(connection, rows)


def find_session(connection: Connection, tenant_id: str, session_id: str) -> Session | None:
    """A session as it is; None when there is none."""
    query = select(*_COLUMNS).where(
        charging_session.c.tenant_id == tenant_id, charging_session.c.session_id == session_id
    )
    row = connection.execute(query).first()
    return None if row is None else session_of(row)


def live_sessions(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Session]:
    """A page of the calls that are going on, the newest first; of all accounts for an empty id."""
    table = charging_session.c
    query = select(*_COLUMNS).where(
        # Literally as the partial index has it.
        table.tenant_id == tenant_id,
        text("state <= 2"),
    )
    if account_id:
        query = query.where(table.account_id == account_id)
    if before is not None:
        start, session_id = before
        place = tuple_(table.start_time, table.session_id)
        types = [column.type for column in place.clauses]
        query = query.where(place < tuple_(from_micros(start), session_id, types=types))
    query = query.order_by(table.start_time.desc(), table.session_id.desc()).limit(limit)
    return [session_of(row) for row in connection.execute(query)]


def sessions_due(connection: Connection, now: datetime, limit: int) -> list[Session]:
    """Sessions of any tenant about which something is to be done, the oldest first.

    At most so many of each state: opens that payment does not answer keep no other from expiring.
    """
    due: list[Session] = []
    for state in LIVE_STATES:
        parameters = {"state": int(state), "moment": to_micros(now), "limit": limit}
        due += map(session_of, _DUE.rows(connection, parameters))
    return due


def forget_sessions(connection: Connection, ended_before: datetime, limit: int) -> int:
    """Delete sessions that ended long ago; tells how many."""
    table = charging_session.c
    old = (
        select(table.tenant_id, table.session_id)
        .where(
            table.state.in_([SessionState.REFUSED, SessionState.CLOSED, SessionState.EXPIRED]),
            table.expire_time < ended_before,
        )
        .limit(limit)
    )
    query = delete(charging_session).where(tuple_(table.tenant_id, table.session_id).in_(old))
    return connection.execute(query).rowcount


def has_sessions_between(
    connection: Connection, tenant_id: str, first_micros: int, last_micros: int
) -> bool:
    """Whether a call of the tenant that started in a span of time had a session."""
    parameters = {"tenant_id": tenant_id, "first": first_micros, "last": last_micros}
    return bool(_BETWEEN.rows(connection, parameters))


def sessions_of_calls(
    connection: Connection, tenant_id: str, call_keys: Collection[str]
) -> list[str]:
    """The sessions of calls with some keys, those that were refused left out."""
    keys, ids = sorted(call_keys), list[str]()
    for start in range(0, len(keys), KEYS_PER_STATEMENT_MAX):
        part = keys[start : start + KEYS_PER_STATEMENT_MAX]
        parameters = {"tenant_id": tenant_id, "call_keys": part}
        ids += connection.execute(_OF_CALLS, parameters).scalars()
    return ids
