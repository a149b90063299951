"""The inbox: notes every applied event, and the place in the stream, with the event's effect."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select
from sqlalchemy import text as sql

from chassis.bus.broker import StreamExtent
from chassis.bus.envelope import Envelope
from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct
from chassis.database.schema import inbox_table, stream_position_table
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.errors import DomainError, ErrorKind

_inbox = inbox_table.c
_INBOX_NAMES = [column.name for column in _inbox]

# Each list by itself, so that some rows too many may be found; there are few lists with two values.
_FIND_DIGESTS = Direct(
    select(_inbox.producer, _inbox.partition, _inbox.sequence, _inbox.body_digest).where(
        _inbox.producer.in_(bindparam("producers", expanding=True)),
        _inbox.partition.in_(bindparam("partitions", expanding=True)),
        _inbox.sequence.in_(bindparam("sequences", expanding=True)),
    )
)
_NOTE_POSITION = Direct(
    sql(
        "INSERT INTO inbox_position (producer, event_type, partition, sequence) "
        "VALUES (:producer, :event_type, :partition, :sequence) "
        "ON CONFLICT (producer, event_type, partition) DO UPDATE SET sequence = excluded.sequence "
        "WHERE excluded.sequence > inbox_position.sequence"
    )
)
_NOTE_STREAM_POSITION = Direct(
    sql(
        "INSERT INTO stream_position (partition, stream_create_time, stream_sequence) "
        "VALUES (:partition, :stream_create_time, :stream_sequence) "
        "ON CONFLICT (partition) DO UPDATE SET stream_create_time = excluded.stream_create_time, "
        "stream_sequence = excluded.stream_sequence"
    )
)


class StreamPlace(NamedTuple):
    """A place in a partition's stream, which another time of creation makes another stream."""

    partition: int
    stream_create_time: datetime
    sequence: int


def note_applied(unit_of_work: UnitOfWork, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Note events; returns those that were not applied before: others have no further effect.

    Raises:
        DomainError: EVENT_ID_REUSED, when another event with this id was applied before; a producer
            restored from a backup has counted its events from too low a number.
    """
    if not envelopes:
        return []
    digests = _known_digests(unit_of_work.connection, envelopes)
    apply_micros = to_micros(unit_of_work.now)
    new, rows = [], []
    for envelope in envelopes:
        place = (envelope.producer, envelope.partition, envelope.sequence)
        digest = hashlib.blake2b(envelope.body, digest_size=16).digest()
        known = digests.setdefault(place, digest)
        if known is digest:
            new.append(envelope)
            rows.append((*place, digest, apply_micros))
        elif known != digest:
            raise _event_id_reused(envelope)
    # A concurrent replica that applies one of them fails here, and then finds it known.
    insert_rows(unit_of_work.connection, inbox_table, _INBOX_NAMES, rows)
    return new


def _known_digests(
    connection: Connection, envelopes: Sequence[Envelope]
) -> dict[tuple[str, int, int], bytes]:
    """The digests of what was applied before, by place; of some other places too."""
    keys = {
        "producers": list({each.producer for each in envelopes}),
        "partitions": list({each.partition for each in envelopes}),
        "sequences": list({each.sequence for each in envelopes}),
    }
    return {
        (producer, partition, sequence): digest
        for producer, partition, sequence, digest in _FIND_DIGESTS.rows(connection, keys)
    }


def _event_id_reused(envelope: Envelope) -> DomainError:
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "EVENT_ID_REUSED",
        f"event {envelope.event_id} is known with another content; check whether "
        f"{envelope.producer} was restored from a backup, then replay from there",
        {"event_id": envelope.event_id},
    )


def note_positions(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Remember the highest sequence applied of each producer, type and partition."""
    highest: dict[tuple[str, str, int], int] = {}
    for envelope in envelopes:
        key = (envelope.producer, envelope.event_type, envelope.partition)
        highest[key] = max(highest.get(key, 0), envelope.sequence)
    rows = [
        {"producer": key[0], "event_type": key[1], "partition": key[2], "sequence": sequence}
        for key, sequence in sorted(highest.items())
    ]
    _NOTE_POSITION.run_many(connection, rows)


def note_stream_positions(connection: Connection, places: Iterable[StreamPlace]) -> None:
    """Remember that everything up to a place in each partition's stream is dealt with."""
    rows = [
        {
            "partition": place.partition,
            "stream_create_time": to_micros(place.stream_create_time),
            "stream_sequence": place.sequence,
        }
        for place in places
    ]
    _NOTE_STREAM_POSITION.run_many(connection, rows)


def next_in_stream(connection: Connection, partition: int, extent: StreamExtent) -> int:
    """Return where to read on: after what is dealt with, from the start of a new stream.

    A stream that ends before our place has lost its end, in a crash of the broker or a restore;
    what comes now reuses the numbers, so it is read from the start, and the inbox knows the rest.
    """
    table = stream_position_table.c
    query = select(table.stream_sequence).where(
        table.partition == partition, table.stream_create_time == extent.create_time
    )
    place = int(connection.execute(query).scalar_one_or_none() or 0)
    return place + 1 if place <= extent.last_sequence else 1
