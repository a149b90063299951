"""One transaction of a service: its connection, its time and the events that commit with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message
from sqlalchemy import Connection, bindparam, update

from chassis.database.schema import outbox_head_table, outbox_table
from chassis.telemetry.tracing import current_traceparent
from kernel.clock import utc_now

# One event is one message on the bus; the broker takes 8 MiB.
EVENT_BYTES_MAX = 7 * 1024 * 1024

_APPEND = outbox_table.insert()
_NEXT_SEQUENCE = (
    update(outbox_head_table)
    .where(outbox_head_table.c.partition == bindparam("of_partition"))
    .values(last_sequence=outbox_head_table.c.last_sequence + 1)
    .returning(outbox_head_table.c.last_sequence)
)


@dataclass(frozen=True, slots=True)
class EventPosition:
    """Where an event stands in its producer's log."""

    partition: int
    sequence: int


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

        The partition stays locked until then. Whoever publishes to several goes through them in
        ascending order; otherwise two transactions may meet in a deadlock and one is repeated.

        Raises:
            ValueError: the event is larger than EVENT_BYTES_MAX; publish it in several batches.
        """
        body = event.SerializeToString(deterministic=True)
        if len(body) > EVENT_BYTES_MAX:
            raise ValueError(f"{event.DESCRIPTOR.full_name} of {len(body)} bytes; split the batch")
        sequence = self._next_sequence(partition)
        self.connection.execute(
            _APPEND,
            {
                "partition": partition,
                "sequence": sequence,
                "event_type": event.DESCRIPTOR.full_name,
                "tenant_id": tenant_id,
                "body": body,
                "commit_time": self.now,
                "traceparent": current_traceparent(),
            },
        )
        self.has_events = True
        return EventPosition(partition, sequence)

    def _next_sequence(self, partition: int) -> int:
        return int(
            self.connection.execute(_NEXT_SEQUENCE, {"of_partition": partition}).scalar_one()
        )
