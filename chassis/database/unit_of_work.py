"""One transaction of a service: its connection, its time and the events that commit with it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from google.protobuf.message import Message
from sqlalchemy import Connection, bindparam, select, update

from chassis.database.direct import Direct
from chassis.database.schema import outbox_head_table, outbox_table
from chassis.telemetry.tracing import current_traceparent
from kernel.clock import to_micros, utc_now

# One event is one message on the bus; the broker takes 8 MiB.
EVENT_BYTES_MAX = 7 * 1024 * 1024

_APPEND = Direct(outbox_table.insert())
# Locked in ascending order, so that two transactions that publish to several never deadlock.
_HEADS = (
    select(outbox_head_table.c.partition)
    .where(outbox_head_table.c.partition.in_(bindparam("partitions", expanding=True)))
    .order_by(outbox_head_table.c.partition)
    .with_for_update()
    .cte("locked")
)
_NEXT_SEQUENCES = Direct(
    update(outbox_head_table)
    .where(outbox_head_table.c.partition.in_(select(_HEADS.c.partition)))
    .values(last_sequence=outbox_head_table.c.last_sequence + 1)
    .returning(outbox_head_table.c.partition, outbox_head_table.c.last_sequence)
)


@dataclass(frozen=True, slots=True)
class EventPosition:
    """Where an event stands in its producer's log."""

    partition: int
    sequence: int


class Event(NamedTuple):
    """What is to be published, and where."""

    message: Message
    tenant_id: str
    partition: int


class UnitOfWork:
    """An open transaction. The chassis commits it; business code never does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.now: datetime = utc_now()
        self.has_events = False
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have something done once this transaction has committed, before its caller goes on.

        It runs on the thread of the transaction and must be quick: others wait for that thread.
        """
        self._after_commit.append(action)

    def committed(self) -> None:
        """Do what was asked for; the database calls this."""
        for action in self._after_commit:
            action()

    def publish(self, event: Message, tenant_id: str, partition: int) -> EventPosition:
        """Append an event to the outbox; it leaves when the transaction has committed.

        The partition stays locked until then. Whoever publishes to several does it at once, or goes
        through them in ascending order; otherwise two transactions may meet in a deadlock and one
        is repeated.

        Raises:
            ValueError: the event is larger than EVENT_BYTES_MAX; publish it in several batches.
        """
        [position] = self.publish_all([Event(event, tenant_id, partition)])
        return position

    def publish_all(self, events: Sequence[Event]) -> list[EventPosition]:
        """Append events to the outbox, those of a partition in their order. As `publish`."""
        positions = self.take_positions([event.partition for event in events])
        self.append(events, positions)
        return positions

    def append(self, events: Sequence[Event], positions: Sequence[EventPosition]) -> None:
        """Append events at positions that were taken for them. As `publish`."""
        if not events:
            return
        moment, traceparent = to_micros(self.now), current_traceparent()
        rows = [
            {
                "partition": position.partition,
                "sequence": position.sequence,
                "event_type": event.message.DESCRIPTOR.full_name,
                "tenant_id": event.tenant_id,
                "body": _body(event.message),
                "commit_time": moment,
                "traceparent": traceparent,
            }
            for event, position in zip(events, positions, strict=True)
        ]
        _APPEND.run_many(self.connection, rows)
        self.has_events = True

    def take_positions(self, partitions: Sequence[int]) -> list[EventPosition]:
        """The next place of each event, for rows that name it; every one has to be appended.

        Hardly ever does a partition get two of them at once.
        """
        taken: dict[int, list[int]] = {partition: [] for partition in partitions}
        waiting = Counter(partitions)
        while waiting:
            rows = _NEXT_SEQUENCES.rows(self.connection, {"partitions": sorted(waiting)})
            for partition, sequence in rows:
                taken[partition].append(sequence)
            waiting -= Counter(list(waiting))
        sequences = {partition: iter(each) for partition, each in taken.items()}
        return [EventPosition(each, next(sequences[each])) for each in partitions]


def _body(event: Message) -> bytes:
    body = event.SerializeToString(deterministic=True)
    if len(body) > EVENT_BYTES_MAX:
        raise ValueError(f"{event.DESCRIPTOR.full_name} of {len(body)} bytes; split the batch")
    return body
