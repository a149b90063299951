"""Reading the outbox: what is still to be published, and what is to be published again."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
    update,
)

from chassis.bus.envelope import Envelope
from chassis.database.direct import Direct
from chassis.database.schema import inbox_table, outbox_head_table, outbox_table, request_table
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros

# The log is kept this long, so that any consumer can be brought up to date from it.
OUTBOX_RETENTION = timedelta(days=35)
# Longer than the log, or a dead letter, and then the stream can hold an event: what is replayed on
# its last day and read on the stream's last day is still known.
INBOX_RETENTION = timedelta(days=51)
REQUEST_RETENTION = timedelta(days=37)
PURGE_ROWS_MAX = 1_000

# Of each partition at a time.
RELAY_EVENTS_MAX = 64
RELAY_BYTES_MAX = 16 * 1024 * 1024
REPLAY_EVENTS_MAX = 200

_HEAD, _LOG = outbox_head_table.c, outbox_table.c
# In the order of an envelope; the time stays microseconds.
_COLUMNS = (
    _LOG.event_type,
    _LOG.partition,
    _LOG.sequence,
    _LOG.tenant_id,
    type_coerce(_LOG.commit_time, BigInteger),
    _LOG.traceparent,
    _LOG.body,
)
_COUNTS = Direct(
    select(_HEAD.partition, _HEAD.last_sequence - _HEAD.published_sequence).where(
        _HEAD.last_sequence > _HEAD.published_sequence
    )
)
_NEXT = Direct(
    select(*_COLUMNS)
    .join_from(outbox_head_table, outbox_table, _LOG.partition == _HEAD.partition)
    .where(
        _HEAD.partition.in_(bindparam("partitions", expanding=True)),
        _LOG.sequence.between(
            _HEAD.published_sequence + 1, _HEAD.published_sequence + literal(RELAY_EVENTS_MAX)
        ),
    )
    # Where they are too many bytes, each partition gets some of its first.
    .order_by(_LOG.sequence - _HEAD.published_sequence, _LOG.partition)
)
_NOTE = Direct(
    update(outbox_head_table)
    .where(
        _HEAD.partition == bindparam("of_partition"),
        _HEAD.published_sequence < bindparam("published"),
    )
    .values(published_sequence=bindparam("published"))
)


class Backlog(NamedTuple):
    """What the broker has not acknowledged."""

    waiting_count: int
    """Events of all partitions."""
    next: dict[int, list[Envelope]]
    """The next ones of the partitions that were asked about, in order."""
    is_all: bool
    """Whether these are all of these partitions."""


def backlog(connection: Connection, partitions: Collection[int]) -> Backlog:
    """Return the next events of some partitions, bounded in number and bytes."""
    counts: dict[int, int] = dict(_COUNTS.rows(connection, {}))
    asked = [partition for partition in partitions if partition in counts]
    if not asked:
        return Backlog(sum(counts.values()), {}, is_all=True)
    found: dict[int, list[Envelope]] = {}
    rows = _NEXT.rows(connection, {"partitions": asked})
    for envelope in _within_bytes(map(_envelope, rows)):
        found.setdefault(envelope.partition, []).append(envelope)
    is_all = all(len(found.get(each, ())) == counts[each] for each in asked)
    return Backlog(sum(counts.values()), found, is_all)


def unpublished_count(connection: Connection) -> int:
    """Return how many events the broker has not acknowledged."""
    head = outbox_head_table.c
    query = select(func.coalesce(func.sum(head.last_sequence - head.published_sequence), 0))
    return int(connection.execute(query).scalar_one())


def note_published(unit_of_work: UnitOfWork, last_sequences: Mapping[int, int]) -> None:
    """Remember up to where the broker has everything, by partition."""
    rows = [
        {"of_partition": partition, "published": sequence}
        for partition, sequence in sorted(last_sequences.items())
    ]
    _NOTE.run_many(unit_of_work.connection, rows)


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
    query = select(*_COLUMNS).where(
        tuple_(table.partition, table.sequence) > after, table.commit_time >= since
    )
    if until is not None:
        query = query.where(table.commit_time < until)
    if event_types:
        query = query.where(table.event_type.in_(event_types))
    query = query.order_by(table.partition, table.sequence).limit(REPLAY_EVENTS_MAX)
    return list(_within_bytes(map(_envelope, connection.execute(query))))


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


def _within_bytes(envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
    total = 0
    for envelope in envelopes:
        total += len(envelope.body)
        yield envelope
        if total >= RELAY_BYTES_MAX:
            return


def _envelope(row: Sequence[Any]) -> Envelope:
    event_type, partition, sequence, tenant_id, commit_micros, traceparent, body = row
    moment = from_micros(commit_micros)
    return Envelope(event_type, partition, sequence, tenant_id, moment, traceparent, bytes(body))
