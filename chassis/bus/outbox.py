"""Reading the outbox: what is still to be published, and what is to be published again."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select, tuple_, update

from chassis.bus.envelope import Envelope
from chassis.database.schema import inbox_table, outbox_head_table, outbox_table, request_table
from chassis.database.unit_of_work import UnitOfWork

# The log is kept this long, so that any consumer can be brought up to date from it.
OUTBOX_RETENTION = timedelta(days=35)
# Longer than the log, or a dead letter, and then the stream can hold an event: what is replayed on
# its last day and read on the stream's last day is still known.
INBOX_RETENTION = timedelta(days=51)
REQUEST_RETENTION = timedelta(days=37)
PURGE_ROWS_MAX = 1_000

RELAY_EVENTS_MAX = 200
RELAY_BYTES_MAX = 16 * 1024 * 1024


def unpublished(connection: Connection, partition: int) -> list[Envelope]:
    """Return the next events that the broker has not acknowledged, in order, bounded in bytes."""
    published = (
        select(outbox_head_table.c.published_sequence)
        .where(outbox_head_table.c.partition == partition)
        .scalar_subquery()
    )
    query = (
        select(outbox_table)
        .where(outbox_table.c.partition == partition, outbox_table.c.sequence > published)
        .order_by(outbox_table.c.sequence)
        .limit(RELAY_EVENTS_MAX)
    )
    return list(_within_bytes(connection, query))


def unpublished_counts(connection: Connection) -> dict[int, int]:
    """Return how many events each partition has to publish, without those that have none."""
    head = outbox_head_table.c
    count = (head.last_sequence - head.published_sequence).label("waiting")
    query = select(head.partition, count).where(count > 0).order_by(head.partition)
    return {row.partition: row.waiting for row in connection.execute(query)}


def unpublished_count(connection: Connection) -> int:
    """Return how many events the broker has not acknowledged."""
    head = outbox_head_table.c
    query = select(func.coalesce(func.sum(head.last_sequence - head.published_sequence), 0))
    return int(connection.execute(query).scalar_one())


def note_published(unit_of_work: UnitOfWork, partition: int, sequence: int) -> None:
    """Remember that the broker has everything up to `sequence`."""
    head = outbox_head_table
    unit_of_work.connection.execute(
        update(head)
        .where(head.c.partition == partition, head.c.published_sequence < sequence)
        .values(published_sequence=sequence)
    )


def never_reuse_sequences(unit_of_work: UnitOfWork, partition: int, published: int) -> int | None:
    """Move a head that is behind what the broker has seen from us; return where it was.

    A producer restored from a backup would otherwise give new events the ids of lost ones, and
    consumers would ignore them.
    """
    head = outbox_head_table
    last = unit_of_work.connection.execute(
        select(head.c.last_sequence).where(head.c.partition == partition)
    ).scalar_one()
    if last >= published:
        return None
    unit_of_work.connection.execute(
        update(head)
        .where(head.c.partition == partition)
        .values(last_sequence=published, published_sequence=published)
    )
    return int(last)


def event_log(
    connection: Connection,
    since: datetime,
    until: datetime | None,
    event_types: Sequence[str],
    after: tuple[int, int] = (-1, 0),
) -> list[Envelope]:
    """Return the next part of the log after a position (partition, sequence), for a replay."""
    table = outbox_table.c
    query = select(outbox_table).where(
        tuple_(table.partition, table.sequence) > after, table.commit_time >= since
    )
    if until is not None:
        query = query.where(table.commit_time < until)
    if event_types:
        query = query.where(table.event_type.in_(event_types))
    query = query.order_by(table.partition, table.sequence).limit(RELAY_EVENTS_MAX)
    return list(_within_bytes(connection, query))


def purge(unit_of_work: UnitOfWork) -> int:
    """Delete a bounded number of rows that nobody needs any more; return how many."""
    head, log = outbox_head_table.c, outbox_table.c
    published = (
        select(head.published_sequence).where(head.partition == log.partition).scalar_subquery()
    )
    old_events = (
        select(log.partition, log.sequence)
        .where(log.commit_time < unit_of_work.now - OUTBOX_RETENTION, log.sequence <= published)
        .order_by(log.commit_time)
        .limit(PURGE_ROWS_MAX)
    )
    statement = delete(outbox_table).where(tuple_(log.partition, log.sequence).in_(old_events))
    deleted = unit_of_work.connection.execute(statement).rowcount
    for table, moment, age in (
        (inbox_table, inbox_table.c.apply_time, INBOX_RETENTION),
        (request_table, request_table.c.create_time, REQUEST_RETENTION),
    ):
        oldest = select(moment).order_by(moment).offset(PURGE_ROWS_MAX).limit(1)
        bound = unit_of_work.connection.execute(oldest).scalar_one_or_none()
        limit = unit_of_work.now - age
        statement = delete(table).where(moment < (min(limit, bound) if bound else limit))
        deleted += unit_of_work.connection.execute(statement).rowcount
    return deleted


def _within_bytes(connection: Connection, query: Select[Any]) -> Iterator[Envelope]:
    total = 0
    for row in connection.execute(query):
        total += len(row.body)
        yield _envelope(row)
        if total >= RELAY_BYTES_MAX:
            return


def _envelope(row: Row[Any]) -> Envelope:
    return Envelope(
        event_type=row.event_type,
        partition=row.partition,
        sequence=row.sequence,
        tenant_id=row.tenant_id,
        commit_time=row.commit_time,
        traceparent=row.traceparent,
        body=bytes(row.body),
    )
