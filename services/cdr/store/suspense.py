"""Keeps the records that could not be used, whole and with their reason, until they can."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, select, update

from chassis.database.bulk import insert_rows
from services.cdr.domain.records import Reason
from services.cdr.store.schema import suspended_record_table

LOOKUP_RECORDS_MAX = 1_000

_columns = suspended_record_table.c

_INSERTED = (
    "tenant_id",
    "suspended_record_id",
    "source_id",
    "origin",
    "raw_record",
    "raw_digest",
    "reason",
    "message",
    "line_kind",
    "line_identifier",
    "receive_time",
)


class SuspendedRow(NamedTuple):
    """A record to be kept; the columns in the order in which they are inserted."""

    tenant_id: str
    suspended_record_id: str
    source_id: str
    origin: str
    raw_record: bytes
    raw_digest: bytes
    reason: str
    message: str
    line_kind: int
    line_identifier: str
    receive_micros: int


class StillSuspended(NamedTuple):
    """What a retry has found out about a record that stays."""

    suspended_record_id: str
    reason: str
    message: str
    line_kind: int
    line_identifier: str


def known_digests(
    connection: Connection, tenant_id: str, source_id: str, digests: Collection[bytes]
) -> set[bytes]:
    """Those of the digests whose records of this source are in suspense already."""
    known: set[bytes] = set()
    remaining = iter(digests)
    while chunk := list(islice(remaining, LOOKUP_RECORDS_MAX)):
        query = select(_columns.raw_digest).where(
            _columns.tenant_id == tenant_id,
            _columns.source_id == source_id,
            _columns.raw_digest.in_(chunk),
        )
        known.update(bytes(digest) for digest in connection.execute(query).scalars())
    return known


def suspend(connection: Connection, rows: Sequence[SuspendedRow]) -> None:
    """Keep records whose digests are not there yet."""
    insert_rows(connection, suspended_record_table, _INSERTED, rows)


def list_suspended(
    connection: Connection,
    tenant_id: str,
    *,
    source_id: str,
    reason: str,
    after_id: str,
    limit: int,
) -> list[Row[Any]]:
    """The tenant's suspended records after an id, oldest first."""
    conditions = [_columns.tenant_id == tenant_id, _columns.suspended_record_id > after_id]
    if source_id:
        conditions.append(_columns.source_id == source_id)
    if reason:
        conditions.append(_columns.reason == reason)
    return _select(connection, and_(*conditions), limit)


def load_suspended(
    connection: Connection, tenant_id: str, suspended_record_ids: Sequence[str]
) -> list[Row[Any]]:
    """Those of the records that are still in suspense, oldest first."""
    return _select(
        connection,
        and_(
            _columns.tenant_id == tenant_id,
            _columns.suspended_record_id.in_(suspended_record_ids),
        ),
        len(suspended_record_ids),
    )


def mark_due(connection: Connection, tenant_id: str, line_kind: int, line_identifier: str) -> None:
    """Have the records that wait for this line tried again."""
    connection.execute(
        update(suspended_record_table)
        .where(
            _columns.tenant_id == tenant_id,
            _columns.line_kind == line_kind,
            _columns.line_identifier == line_identifier,
            _columns.reason == Reason.UNKNOWN_LINE.value,
        )
        .values(retry_due=1)
    )


def find_due_source(connection: Connection) -> tuple[str, str] | None:
    """A tenant and source with records to be tried again."""
    row = connection.execute(
        select(_columns.tenant_id, _columns.source_id).where(_columns.retry_due == 1).limit(1)
    ).one_or_none()
    return None if row is None else (row.tenant_id, row.source_id)


def list_due(connection: Connection, tenant_id: str, source_id: str, limit: int) -> list[Row[Any]]:
    """The records of a source that are to be tried again, oldest first."""
    return _select(
        connection,
        and_(
            _columns.tenant_id == tenant_id,
            _columns.source_id == source_id,
            _columns.retry_due == 1,
        ),
        limit,
    )


def release(connection: Connection, tenant_id: str, suspended_record_ids: Sequence[str]) -> None:
    """Remove records that have become calls or duplicates."""
    if not suspended_record_ids:
        return
    connection.execute(
        delete(suspended_record_table).where(
            _columns.tenant_id == tenant_id, _columns.suspended_record_id == bindparam("id")
        ),
        [{"id": suspended_record_id} for suspended_record_id in suspended_record_ids],
    )


def keep_suspended(
    connection: Connection, tenant_id: str, records: Sequence[StillSuspended], now: datetime
) -> None:
    """Write why records could still not be used, and when that was tried."""
    if not records:
        return
    connection.execute(
        update(suspended_record_table)
        .where(_columns.tenant_id == tenant_id, _columns.suspended_record_id == bindparam("id"))
        .values(
            reason=bindparam("why"),
            message=bindparam("words"),
            line_kind=bindparam("kind"),
            line_identifier=bindparam("identifier"),
            retry_time=now,
            retry_due=0,
        ),
        [
            dict(zip(("id", "why", "words", "kind", "identifier"), record, strict=True))
            for record in records
        ],
    )


def _select(connection: Connection, condition: ColumnElement[bool], limit: int) -> list[Row[Any]]:
    query = select(suspended_record_table).where(condition)
    return list(connection.execute(query.order_by(_columns.suspended_record_id).limit(limit)))
