"""The inbox: notes every applied event, and the place in the stream, with the event's effect."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from chassis.bus.broker import StreamExtent
from chassis.bus.envelope import Envelope
from chassis.database.insert import insert_into
from chassis.database.schema import inbox_position_table, inbox_table, stream_position_table
from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind


def note_applied(unit_of_work: UnitOfWork, envelope: Envelope) -> bool:
    """Note an event; False when it was applied before, so that it must have no further effect.

    Raises:
        DomainError: EVENT_ID_REUSED, when another event with this id was applied before; a producer
            restored from a backup has counted its events from too low a number.
    """
    digest = hashlib.blake2b(envelope.body, digest_size=16).digest()
    known = unit_of_work.connection.execute(
        select(inbox_table.c.body_digest).where(
            inbox_table.c.producer == envelope.producer,
            inbox_table.c.partition == envelope.partition,
            inbox_table.c.sequence == envelope.sequence,
        )
    ).scalar_one_or_none()
    if known is None:
        # A concurrent replica that applies the same event fails here and comes back as known.
        unit_of_work.connection.execute(
            insert(inbox_table),
            {
                "producer": envelope.producer,
                "partition": envelope.partition,
                "sequence": envelope.sequence,
                "body_digest": digest,
                "apply_time": unit_of_work.now,
            },
        )
        return True
    if bytes(known) != digest:
        raise DomainError(
            ErrorKind.FAILED_PRECONDITION,
            "EVENT_ID_REUSED",
            f"event {envelope.event_id} is known with another content; check whether "
            f"{envelope.producer} was restored from a backup, then replay from there",
            {"event_id": envelope.event_id},
        )
    return False


def note_positions(connection: Connection, envelopes: list[Envelope]) -> None:
    """Remember the highest sequence applied of each producer, type and partition."""
    highest: dict[tuple[str, str, int], int] = {}
    for envelope in envelopes:
        key = (envelope.producer, envelope.event_type, envelope.partition)
        highest[key] = max(highest.get(key, 0), envelope.sequence)
    table = inbox_position_table
    postgresql = connection.dialect.name == "postgresql"
    for (producer, event_type, partition), sequence in sorted(highest.items()):
        statement = insert_into(connection, table).values(
            producer=producer, event_type=event_type, partition=partition, sequence=sequence
        )
        larger = func.greatest if postgresql else func.max
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.producer, table.c.event_type, table.c.partition],
                set_={"sequence": larger(table.c.sequence, statement.excluded.sequence)},
            )
        )


def note_stream_position(
    unit_of_work: UnitOfWork, partition: int, stream_create_time: datetime, sequence: int
) -> None:
    """Remember that everything up to a place in a partition's stream is dealt with."""
    table = stream_position_table
    statement = insert_into(unit_of_work.connection, table).values(
        partition=partition, stream_create_time=stream_create_time, stream_sequence=sequence
    )
    unit_of_work.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.partition],
            set_={
                "stream_create_time": statement.excluded.stream_create_time,
                "stream_sequence": statement.excluded.stream_sequence,
            },
        )
    )


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
