"""Tries suspended records again, as the profile and the lines now read them."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Row

from chassis.database.unit_of_work import UnitOfWork
from services.cdr.domain.records import RawRecord, Reason, Rejection
from services.cdr.domain.source import Source
from services.cdr.store.sources import get_source
from services.cdr.store.suspense import (
    StillSuspended,
    find_due_source,
    keep_suspended,
    list_due,
    list_suspended,
    load_suspended,
    release,
)
from services.cdr.store.tallies import add_to_tally, lock_intake
from services.cdr.usecases.book_calls import book_calls, decide
from services.cdr.usecases.collect_records import line_identifier_of
from services.cdr.usecases.collected_event import Accepted
from services.cdr.usecases.reading import Reading, read_records

RECORDS_PER_STEP = 1_000
RECORDS_PER_REQUEST_MAX = 100_000


class RetryCounts(NamedTuple):
    """What became of the records."""

    accepted: int = 0
    duplicate: int = 0
    suspended: int = 0

    def plus(self, other: "RetryCounts") -> "RetryCounts":
        """The counts of both."""
        return RetryCounts(*(mine + others for mine, others in zip(self, other, strict=True)))


def retry_suspended(uow: UnitOfWork, tenant_id: str, source_id: str, reason: str) -> RetryCounts:
    """Retry the records of a source or reason, oldest first, at most RECORDS_PER_REQUEST_MAX.

    What becomes a call leaves suspense in the same transaction. Raises SOURCE_NOT_FOUND.
    """
    if source_id:
        get_source(uow.connection, tenant_id, source_id)
    counts, after_id = RetryCounts(), ""
    for _ in range(RECORDS_PER_REQUEST_MAX // RECORDS_PER_STEP):
        rows = list_suspended(
            uow.connection,
            tenant_id,
            source_id=source_id,
            reason=reason,
            after_id=after_id,
            limit=RECORDS_PER_STEP,
        )
        if not rows:
            break
        after_id = rows[-1].suspended_record_id
        counts = counts.plus(_retry_rows(uow, tenant_id, rows))
    return counts


def retry_due(uow: UnitOfWork) -> bool:
    """Retry some records whose line has come to be known; False when there are none."""
    due = find_due_source(uow.connection)
    if due is None:
        return False
    tenant_id, source_id = due
    rows = list_due(uow.connection, tenant_id, source_id, RECORDS_PER_STEP)
    _retry_rows(uow, tenant_id, rows)
    return True


def _retry_rows(uow: UnitOfWork, tenant_id: str, rows: Sequence[Row[Any]]) -> RetryCounts:
    # Sources in the order of their ids: two retries wait for each other's locks in one direction.
    by_source = sorted(rows, key=lambda row: (row.source_id, row.suspended_record_id))
    counts = RetryCounts()
    for source_id, group in groupby(by_source, key=lambda row: row.source_id):
        source = get_source(uow.connection, tenant_id, source_id)
        lock_intake(uow.connection, tenant_id, source_id)
        # Read under the lock: another retry may have released some of them meanwhile.
        ids = [row.suspended_record_id for row in group]
        counts = counts.plus(
            _retry_source(uow, source, load_suspended(uow.connection, tenant_id, ids))
        )
    return counts


def _retry_source(uow: UnitOfWork, source: Source, rows: Sequence[Row[Any]]) -> RetryCounts:
    readings = read_records(source, map(_raw_record, rows), uow.now)
    decisions = decide(uow.connection, source, [reading.outcome for reading in readings])
    accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
    staying = [
        _still_suspended(source, row, reading, decision)
        for row, reading, decision in zip(rows, readings, decisions, strict=True)
        if isinstance(decision, Rejection)
    ]
    duplicates = len(rows) - len(accepted) - len(staying)
    book_calls(uow, source, accepted)
    staying_ids = {record.suspended_record_id for record in staying}
    ids = [row.suspended_record_id for row in rows if row.suspended_record_id not in staying_ids]
    release(uow.connection, source.tenant_id, ids)
    keep_suspended(uow.connection, source.tenant_id, staying, uow.now)
    add_to_tally(uow.connection, source.tenant_id, source.source_id, 0, duplicates)
    return RetryCounts(len(accepted), duplicates, len(staying))


def _raw_record(row: Row[Any]) -> RawRecord:
    """The record as it was received. Of one that was too long only the beginning is here."""
    is_whole = row.reason != Reason.RECORD_TOO_LONG.value
    damage = None if is_whole else Rejection(Reason.RECORD_TOO_LONG, row.message)
    return RawRecord(bytes(row.raw_record), row.origin, damage)


def _still_suspended(
    source: Source, row: Row[Any], reading: Reading, rejection: Rejection
) -> StillSuspended:
    return StillSuspended(
        row.suspended_record_id,
        rejection.reason.value,
        rejection.message,
        int(source.profile.line_rule),
        line_identifier_of(reading),
    )
