"""Stores calls in bulk, knows them again, finds them, and keeps their price beside them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    update,
)

from chassis.database.bulk import insert_rows
from chassis.database.direct import driver_cursor
from services.cdr.store.schema import call_table

LOOKUP_CALLS_MAX = 1_000

_columns = call_table.c

CALL_COLUMNS = (
    "tenant_id",
    "call_id",
    "revision",
    "source_id",
    "call_key_kind",
    "call_key",
    "leg",
    "account_id",
    "payer_account_id",
    "line_id",
    "caller",
    "callee",
    "callee_kind",
    "start_time",
    "answer_time",
    "answered",
    "duration_ms",
    "release_cause",
    "egress_trunk",
    "routing_number",
    "content_digest",
    "partition",
    "sequence",
)


class KnownCall(NamedTuple):
    """What must be known of a call to recognise a record of it."""

    newest_revision: int
    content_digests: frozenset[bytes]


class CallFilter(NamedTuple):
    """Which calls a list shows; what is empty or None does not restrict it."""

    account_id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    number: str = ""
    rating_outcome: int = 0


class Price(NamedTuple):
    """How the pricing of one call revision ended."""

    call_id: bytes
    call_revision: int
    charge_id: bytes
    charge_revision: int
    outcome: int
    unrated_reason: str
    currency: str
    micros: int | None


def known_calls(
    connection: Connection, tenant_id: str, call_ids: Iterable[bytes]
) -> dict[bytes, KnownCall]:
    """Those of the calls that are stored, with the digests of all their revisions."""
    known: dict[bytes, KnownCall] = {}
    remaining = iter(call_ids)
    while chunk := list(islice(remaining, LOOKUP_CALLS_MAX)):
        for stored_id, revision, digest in _revisions(connection, tenant_id, chunk):
            call_id = bytes(stored_id)
            before = known.get(call_id, KnownCall(0, frozenset()))
            known[call_id] = KnownCall(
                max(revision, before.newest_revision), before.content_digests | {bytes(digest)}
            )
    return known


def _revisions(
    connection: Connection, tenant_id: str, call_ids: list[bytes]
) -> Iterable[Sequence[Any]]:
    # Binding a thousand parameters through SQLAlchemy costs more than the lookup itself.
    query = "SELECT call_id, revision, content_digest FROM call WHERE "
    if connection.dialect.name == "postgresql":
        # The bounds keep the search to the partitions of the calls' months.
        condition = "tenant_id = %s AND call_id = ANY(%s) AND call_id BETWEEN %s AND %s"
        parameters = (tenant_id, call_ids, min(call_ids), max(call_ids))
        return connection.exec_driver_sql(query + condition, parameters)
    marks = ",".join("?" * len(call_ids))
    condition = f"tenant_id = ? AND call_id IN ({marks})"
    return connection.exec_driver_sql(query + condition, (tenant_id, *call_ids))


def insert_calls(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert call revisions, as tuples of CALL_COLUMNS."""
    insert_rows(connection, call_table, CALL_COLUMNS, rows)


def supersede_older(
    connection: Connection, tenant_id: str, revisions: Sequence[tuple[bytes, int]]
) -> None:
    """Mark every revision of these calls that is older than the given one."""
    if not revisions:
        return
    connection.execute(
        update(call_table)
        .where(
            _columns.tenant_id == tenant_id,
            _columns.call_id == bindparam("key"),
            _columns.revision < bindparam("newest"),
        )
        .values(superseded=1),
        [{"key": call_id, "newest": revision} for call_id, revision in revisions],
    )


def get_call(connection: Connection, tenant_id: str, call_id: bytes) -> Row[Any] | None:
    """The newest revision of a call."""
    return connection.execute(
        select(call_table).where(
            _columns.tenant_id == tenant_id, _columns.call_id == call_id, _columns.superseded == 0
        )
    ).one_or_none()


def list_calls(
    connection: Connection,
    tenant_id: str,
    which: CallFilter,
    before: tuple[datetime, bytes] | None,
    limit: int,
) -> list[Row[Any]]:
    """The newest revisions of calls, newest start first, older than `before`."""
    conditions = [_columns.tenant_id == tenant_id, _columns.superseded == 0, *_conditions(which)]
    if before is not None:
        start, call_id = before
        # The first condition lets the database start in the index, the second is exact.
        conditions.append(_columns.start_time <= start)
        conditions.append(or_(_columns.start_time < start, _columns.call_id < call_id))
    query = (
        select(call_table)
        .where(and_(*conditions))
        .order_by(_columns.start_time.desc(), _columns.call_id.desc())
        .limit(limit)
    )
    return list(connection.execute(query))


def write_prices(connection: Connection, tenant_id: str, prices: Iterable[Price]) -> None:
    """Write prices beside their calls; an older charge revision never replaces a newer one.

    In bulk and past SQLAlchemy: this is done for every call, and by key.
    """
    newest: dict[tuple[bytes, int], Price] = {}
    for price in sorted(prices, key=_charge_revision):
        newest[price.call_id, price.call_revision] = price
    if not newest:
        return
    if connection.dialect.name == "postgresql":
        columns = tuple(map(list, zip(*newest.values(), strict=True)))
        with driver_cursor(connection, _WRITE_PRICES_POSTGRESQL) as cursor:
            cursor.execute(_WRITE_PRICES_POSTGRESQL, (*columns, tenant_id))
    else:
        rows = [(*price, tenant_id) for price in newest.values()]
        with driver_cursor(connection, _WRITE_PRICES_SQLITE) as cursor:
            cursor.executemany(_WRITE_PRICES_SQLITE, rows)


_charge_revision = attrgetter("charge_revision")

# The parameters are the fields of Price, then the tenant.
_WRITE_PRICES_SQLITE = """
    UPDATE call SET charge_id = ?3, charge_revision = ?4, rating_outcome = ?5, unrated_reason = ?6,
                    price_currency = ?7, price_micros = ?8
    WHERE tenant_id = ?9 AND call_id = ?1 AND revision = ?2 AND charge_revision < ?4
"""
_WRITE_PRICES_POSTGRESQL = """
    UPDATE call SET charge_id = price.charge_id, charge_revision = price.charge_revision,
                    rating_outcome = price.outcome, unrated_reason = price.unrated_reason,
                    price_currency = price.currency, price_micros = price.micros
    FROM unnest(%s::bytea[], %s::int[], %s::bytea[], %s::int[], %s::smallint[], %s::text[],
                %s::text[], %s::bigint[])
         AS price (call_id, call_revision, charge_id, charge_revision, outcome, unrated_reason,
                   currency, micros)
    WHERE call.tenant_id = %s AND call.call_id = price.call_id
      AND call.revision = price.call_revision AND call.charge_revision < price.charge_revision
"""


def _conditions(which: CallFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.account_id:
        conditions.append(_columns.account_id == which.account_id)
    if which.start is not None:
        conditions.append(_columns.start_time >= which.start)
    if which.end is not None:
        conditions.append(_columns.start_time < which.end)
    if which.number:
        conditions.append(or_(_columns.caller == which.number, _columns.callee == which.number))
    if which.rating_outcome:
        # Written into the statement, or no database would see that a partial index has them all.
        conditions.append(_columns.rating_outcome == literal_column(str(int(which.rating_outcome))))
    return conditions
