"""What a service does when an event arrives."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from google.protobuf.message import Message

from chassis.bus.envelope import Envelope
from chassis.database.unit_of_work import UnitOfWork

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class ReceivedEvent(Generic[M]):
    """An event with where it came from."""

    body: M
    event_id: str
    producer: str
    partition: int
    sequence: int
    tenant_id: str
    commit_time: datetime


@dataclass(frozen=True, slots=True)
class EventHandler(Generic[M]):
    """One kind of event and the function that applies it.

    The function runs inside the transaction that also notes the event as applied. Whatever it
    raises undoes the transaction; the event comes again, and after its last try it is a dead
    letter.
    """

    event_type: type[M]
    handle: Callable[[UnitOfWork, ReceivedEvent[M]], None]

    @property
    def type_name(self) -> str:
        """The full name of the event message."""
        return str(self.event_type.DESCRIPTOR.full_name)

    def apply(self, unit_of_work: UnitOfWork, envelope: Envelope) -> None:
        """Parse the body and call the function."""
        event = ReceivedEvent(
            body=self.event_type.FromString(envelope.body),
            event_id=envelope.event_id,
            producer=envelope.producer,
            partition=envelope.partition,
            sequence=envelope.sequence,
            tenant_id=envelope.tenant_id,
            commit_time=envelope.commit_time,
        )
        self.handle(unit_of_work, event)
