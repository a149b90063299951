"""What a service does when an event arrives."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

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
    prepare: Callable[[UnitOfWork, Sequence[ReceivedEvent[M]]], None] | None = None
    """Called with all its events of a transaction before any event of it is applied.

    A handler that locks what others lock too does it here, in the order of those others: by event
    it would be in the order of events.
    """

    @property
    def type_name(self) -> str:
        """The full name of the event message."""
        return str(self.event_type.DESCRIPTOR.full_name)

    def received(self, envelope: Envelope) -> ReceivedEvent[M]:
        """The event of an envelope, its body parsed."""
        return ReceivedEvent(
            body=self.event_type.FromString(envelope.body),
            event_id=envelope.event_id,
            producer=envelope.producer,
            partition=envelope.partition,
            sequence=envelope.sequence,
            tenant_id=envelope.tenant_id,
            commit_time=envelope.commit_time,
        )

    def apply(self, unit_of_work: UnitOfWork, envelope: Envelope) -> None:
        """Apply one event in a transaction of its own."""
        apply_together({self.type_name: self}, unit_of_work, [envelope])


def apply_together(
    handlers: Mapping[str, EventHandler[Any]],
    unit_of_work: UnitOfWork,
    envelopes: Sequence[Envelope],
    around: Callable[[Envelope], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Apply the events of a transaction in their order, once it is prepared for all of them.

    `handlers` are by the names of their types; each event is applied inside `around` it.
    """
    received = [(each, handlers[each.event_type].received(each)) for each in envelopes]
    for type_name in dict.fromkeys(each.event_type for each in envelopes):
        if prepare := handlers[type_name].prepare:
            prepare(
                unit_of_work, [event for each, event in received if each.event_type == type_name]
            )
    for envelope, event in received:
        with around(envelope):
            handlers[envelope.event_type].handle(unit_of_work, event)
