"""Charges: every settlement is a row of its own, the newest revision is the state."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, and_, exists, literal, select, type_coerce

from chassis.database.bulk import insert_rows
from chassis.database.columns import UtcTime
from chassis.database.direct import Row, driver_cursor
from chassis.database.unit_of_work import EventPosition
from kernel.clock import from_micros
from kernel.ids import KEY_HASH_BYTES, KEY_TIME_BYTES, time_key
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.charges.charge_columns import ChargeColumns
from services.rating.domain.charging.requests import ChargedCall
from services.rating.store.schema import charge

# Where a charge comes from that no event of cdr opened.
NO_EVENT = EventPosition(-1, 0)

_COLUMN_NAMES = (*ChargeRevision._fields, "event_partition", "event_sequence")
# Times stay microseconds: thousands of rows pass at once.
_COLUMNS = tuple(
    type_coerce(column, BigInteger).label(column.name)
    if isinstance(column.type, UtcTime)
    else column
    for column in (charge.c[name] for name in ChargeRevision._fields)
)


def charge_rows(charges: ChargeColumns, position: EventPosition) -> Iterator[Row]:
    """Settlements as they are stored, with the event of ours that carries them."""
    return zip(*charges.columns, repeat(position.partition), repeat(position.sequence))


def insert_charges(connection: Connection, rows: Iterable[Row]) -> None:
    """Store settlements."""
    insert_rows(connection, charge, _COLUMN_NAMES, rows)


def lock_charges(connection: Connection, charge_ids: Sequence[bytes]) -> set[bytes]:
    """Which of some charges are there; nobody else settles them until the transaction ends.

    Nearly always none is there, so it is asked before anything else.
    """
    if not charge_ids:
        return set()
    # Binding a thousand parameters through SQLAlchemy costs more than the lookup itself.
    if connection.dialect.name == "postgresql":
        # The lock of its first revision is the lock of the charge. The bounds keep the search to
        # the partitions of these months; behind SELECT, no plan is made for each of the keys.
        query = (
            "SELECT charge_id FROM charge WHERE charge_id = ANY((SELECT %s::bytea[])::bytea[]) "
            "AND charge_id BETWEEN %s AND %s AND revision = 1 ORDER BY charge_id FOR UPDATE"
        )
        parameters: Sequence[Any] = (_array_text(charge_ids), min(charge_ids), max(charge_ids))
    else:
        marks = ",".join("?" * len(charge_ids))
        query = f"SELECT charge_id FROM charge WHERE revision = 1 AND charge_id IN ({marks})"  # noqa: S608 our marks
        parameters = charge_ids
    with driver_cursor(connection, query) as cursor:
        cursor.execute(query, parameters)
        return {bytes(charge_id) for (charge_id,) in cursor.fetchall()}


def newest_charges(
    connection: Connection, tenant_id: str, charge_ids: Collection[bytes]
) -> dict[bytes, ChargeRevision]:
    """The state of the charges that are known among some ids."""
    query = (
        select(*_COLUMNS)
        .where(charge.c.charge_id.in_(charge_ids), charge.c.tenant_id == tenant_id)
        .order_by(charge.c.charge_id, charge.c.revision)
    )
    return {row.charge_id: ChargeRevision(*row) for row in connection.execute(query)}


def charges_of_call(connection: Connection, settled: ChargeRevision) -> list[ChargeRevision]:
    """The states of all charges that the record which settled one has ever settled."""
    moment = settled.charge_id[:KEY_TIME_BYTES]
    query = _newest(settled.tenant_id).where(
        charge.c.charge_id.between(
            moment + bytes(KEY_HASH_BYTES), moment + b"\xff" * KEY_HASH_BYTES
        ),
        charge.c.call_id == settled.call_id,
    )
    return [ChargeRevision(*row) for row in connection.execute(query)]


def start_of_charged_call(
    connection: Connection, tenant_id: str, call: ChargedCall, tolerance_micros: int
) -> int | None:
    """When a call started by the charge that its account has for it; None while there is none."""
    first, last = call.start_micros - tolerance_micros, call.start_micros + tolerance_micros
    ends = (time_key(from_micros(max(0, each)), "")[:KEY_TIME_BYTES] for each in (first, last))
    query = select(type_coerce(charge.c.start_time, BigInteger)).where(
        charge.c.tenant_id == tenant_id,
        charge.c.account_id == call.account_id,
        charge.c.charge_id.between(
            next(ends) + bytes(KEY_HASH_BYTES), next(ends) + b"\xff" * KEY_HASH_BYTES
        ),
        charge.c.revision == 1,
        charge.c.call_key_kind == call.call_key_kind,
        charge.c.call_key == call.call_key,
        charge.c.leg == call.leg,
    )
    return connection.execute(query.limit(1)).scalar_one_or_none()


def charge_revision(
    connection: Connection, tenant_id: str, charge_id: bytes, revision: int
) -> ChargeRevision | None:
    """A revision of a charge, 0 for the newest; None when there is none."""
    query = select(*_COLUMNS).where(
        charge.c.charge_id == charge_id, charge.c.tenant_id == tenant_id
    )
    if revision:
        # The contract's numbers are larger than those that are stored.
        query = query.where(charge.c.revision == literal(revision, BigInteger))
    row = connection.execute(query.order_by(charge.c.revision.desc()).limit(1)).first()
    return None if row is None else ChargeRevision(*row)


def parties_of(connection: Connection, of: ChargeRevision) -> list[ChargeRevision]:
    """The states of the charges of the other parties of a call, from the customer up."""
    if of.call_id is None:
        return []
    others = [each for each in charges_of_call(connection, of) if each.charge_id != of.charge_id]
    return sorted(others, key=lambda each: (each.party, each.party_level))


def list_charges(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    span: tuple[datetime | None, datetime | None],
    outcome: int | None,
    before: bytes | None,
    limit: int,
) -> list[ChargeRevision]:
    """A page of the charges of an account, the newest start first."""
    query = _newest(tenant_id).where(charge.c.account_id == account_id)
    start, end = span
    if start is not None:
        query = query.where(charge.c.start_time >= start)
    if end is not None:
        query = query.where(charge.c.start_time < end)
    if outcome is not None:
        query = query.where(charge.c.outcome == outcome)
    if before is not None:
        query = query.where(charge.c.charge_id < before)
    rows = connection.execute(query.order_by(charge.c.charge_id.desc()).limit(limit))
    return [ChargeRevision(*row) for row in rows]


def _newest(tenant_id: str) -> Select[Any]:
    """The newest revisions of a tenant's charges."""
    later = charge.alias("later")
    is_superseded = exists().where(
        and_(
            later.c.charge_id == charge.c.charge_id,
            later.c.revision == charge.c.revision + 1,
        )
    )
    return select(*_COLUMNS).where(charge.c.tenant_id == tenant_id, ~is_superseded)


def _array_text(keys: Sequence[bytes]) -> str:
    """Keys as PostgreSQL writes an array of some; the driver takes far longer for a list."""
    texts = b"".join(keys).hex(",", KEY_TIME_BYTES + KEY_HASH_BYTES)
    return r"{\\x" + texts.replace(",", r",\\x") + "}"
