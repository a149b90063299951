"""Stores calls in bulk, knows them again, finds them, and keeps their price beside them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from chassis.database.bulk import insert_rows
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
        rows = connection.execute(
            select(_columns.call_id, _columns.revision, _columns.content_digest).where(
                _columns.tenant_id == tenant_id, _columns.call_id.in_(chunk)
            )
        )
        for call_id, revision, digest in rows:
            before = known.get(call_id, KnownCall(0, frozenset()))
            known[call_id] = KnownCall(
                max(revision, before.newest_revision), before.content_digests | {digest}
            )
    return known


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


def write_prices(connection: Connection, tenant_id: str, prices: Sequence[Price]) -> None:
    """Write prices beside their calls; an older charge revision never replaces a newer one."""
    connection.execute(
        update(call_table)
        .where(
            _columns.tenant_id == tenant_id,
            _columns.call_id == bindparam("key"),
            _columns.revision == bindparam("of_revision"),
            _columns.charge_revision < bindparam("new_charge_revision"),
        )
        .values(
            rating_outcome=bindparam("outcome"),
            unrated_reason=bindparam("reason"),
            price_micros=bindparam("micros"),
            price_currency=bindparam("currency"),
            charge_id=bindparam("charge"),
            charge_revision=bindparam("new_charge_revision"),
        ),
        [
            {
                "key": price.call_id,
                "of_revision": price.call_revision,
                "outcome": price.outcome,
                "reason": price.unrated_reason,
                "micros": price.micros,
                "currency": price.currency,
                "charge": price.charge_id,
                "new_charge_revision": price.charge_revision,
            }
            for price in prices
        ],
    )


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
        conditions.append(_columns.rating_outcome == which.rating_outcome)
    return conditions
