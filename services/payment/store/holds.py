"""The holds that are kept, open and ended."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    type_coerce,
)

from chassis.database.bulk import insert_rows, update_rows
from chassis.database.direct import Direct
from kernel.clock import from_micros, to_micros
from kernel.ids import is_uuid
from services.payment.domain.funds.holds import Hold, HoldState
from services.payment.domain.funds.transfer_errors import hold_not_found
from services.payment.store.funds_schema import hold_table

_columns = hold_table.c
_NAMES = [column.name for column in _columns]

_AMONG = (
    _columns.tenant_id == bindparam("tenant_id"),
    _columns.hold_id.in_(bindparam("hold_ids", expanding=True)),
)
_OWNERS = Direct(select(_columns.hold_id, _columns.account_id).where(*_AMONG))
# Times as they are stored.
_SHOWN = [
    *(_columns.hold_id, _columns.account_id, _columns.reference, _columns.currency),
    *(_columns.held_micros, _columns.captured_micros, _columns.state),
    type_coerce(_columns.create_time, BigInteger),
    type_coerce(_columns.expire_time, BigInteger),
]
_FIND = Direct(select(*_SHOWN).where(*_AMONG))
_CHANGED_NAMES = (
    *("held_micros", "captured_micros", "state", "expire_time"),
    *("tenant_id", "hold_id"),
)
_ENDED = [state for state in HoldState if state != HoldState.OPEN]


class DueHold(NamedTuple):
    """A hold that ends by itself, in the order in which they do."""

    expire_time: datetime
    tenant_id: str
    hold_id: str


def owners_of(connection: Connection, tenant_id: str, hold_ids: Iterable[str]) -> dict[str, str]:
    """The accounts of holds, as far as these exist; a hold never changes its account."""
    keys = {"tenant_id": tenant_id, "hold_ids": hold_keys(hold_ids)}
    if not keys["hold_ids"]:
        return {}
    return {str(UUID(bytes=row[0])): row[1] for row in _OWNERS.rows(connection, keys)}


def holds_of(connection: Connection, tenant_id: str, hold_ids: Iterable[str]) -> list[Hold]:
    """The holds with these ids, as far as they exist."""
    keys = {"tenant_id": tenant_id, "hold_ids": hold_keys(hold_ids)}
    if not keys["hold_ids"]:
        return []
    return [_hold(*row) for row in _FIND.rows(connection, keys)]


def hold_of(connection: Connection, tenant_id: str, hold_id: str) -> Hold:
    """Return a hold. Raises NOT_FOUND HOLD_NOT_FOUND."""
    found = holds_of(connection, tenant_id, [hold_id]) if is_uuid(hold_id) else []
    if not found:
        raise hold_not_found(hold_id)
    return found[0]


def open_holds(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Hold]:
    """The open holds of an account, the oldest first, behind a place in the list."""
    query = select(*_SHOWN).where(
        _columns.tenant_id == tenant_id,
        _columns.account_id == account_id,
        _columns.state == HoldState.OPEN,
    )
    if after is not None:
        place = tuple_(_columns.create_time, _columns.hold_id)
        values = (after[0], UUID(after[1]).bytes)
        query = query.where(place > tuple_(*values, types=[c.type for c in place.clauses]))
    query = query.order_by(_columns.create_time, _columns.hold_id).limit(limit)
    return [_hold(*row) for row in connection.execute(query)]


def sums_held(connection: Connection) -> dict[tuple[str, str], int]:
    """What the open holds of each account have in all, by tenant and account."""
    key = _columns.tenant_id, _columns.account_id
    query = (
        select(*key, func.sum(_columns.held_micros))
        .where(_columns.state == HoldState.OPEN)
        .group_by(*key)
    )
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(query)}


def insert_holds(connection: Connection, tenant_id: str, holds: Iterable[Hold]) -> None:
    """Store new holds."""
    insert_rows(connection, hold_table, _NAMES, [_row(tenant_id, hold) for hold in holds])


def change_holds(connection: Connection, tenant_id: str, holds: Iterable[Hold]) -> None:
    """Store what became of holds; the caller holds the locks of their accounts' funds."""
    rows = [
        (
            hold.held_micros,
            hold.captured_micros,
            int(hold.state),
            to_micros(hold.expire_time),
            tenant_id,
            UUID(hold.hold_id).bytes,
        )
        for hold in holds
    ]
    update_rows(connection, hold_table, _CHANGED_NAMES, rows)


def due_holds(
    connection: Connection, now: datetime, after: DueHold | None, limit: int
) -> list[DueHold]:
    """The holds that end now by themselves, the oldest first, behind a place in that order."""
    order = (_columns.expire_time, _columns.tenant_id, _columns.hold_id)
    query = select(*order).where(_columns.state == HoldState.OPEN, _columns.expire_time <= now)
    if after is not None:
        place = tuple_(*order)
        values = (after.expire_time, after.tenant_id, UUID(after.hold_id).bytes)
        query = query.where(place > tuple_(*values, types=[c.type for c in place.clauses]))
    return [
        DueHold(expire_time, tenant_id, str(UUID(bytes=hold_id)))
        for expire_time, tenant_id, hold_id in connection.execute(
            query.order_by(*order).limit(limit)
        )
    ]


def purge_holds(connection: Connection, before: datetime, limit: int) -> int:
    """Forget holds that ended before; returns how many."""
    key = tuple_(_columns.tenant_id, _columns.hold_id)
    old = (
        select(_columns.tenant_id, _columns.hold_id)
        .where(_columns.state.in_(_ENDED), _columns.expire_time < before)
        .limit(limit)
    )
    return connection.execute(delete(hold_table).where(key.in_(old))).rowcount


def hold_keys(hold_ids: Iterable[str]) -> list[bytes]:
    """The keys of holds, as they are stored."""
    return [UUID(hold_id).bytes for hold_id in hold_ids]


def values_of_hold(hold: Hold) -> tuple[Any, ...]:
    """A hold in plain values: its id as it is written, its times in microseconds."""
    *facts, state, create_time, expire_time = hold
    return *facts, int(state), to_micros(create_time), to_micros(expire_time)


def hold_of_values(*values: Any) -> Hold:
    """The hold that has these values."""
    *facts, state, create_micros, expire_micros = values
    times = from_micros(create_micros), from_micros(expire_micros)
    return Hold._make((*facts, HoldState(state), *times))


def _row(tenant_id: str, hold: Hold) -> tuple[Any, ...]:
    return tenant_id, UUID(hold.hold_id).bytes, *values_of_hold(hold)[1:]


def _hold(key: bytes, *values: Any) -> Hold:
    return hold_of_values(str(UUID(bytes=key)), *values)
