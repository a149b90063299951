"""What a service does when an event arrives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from chassis.bus.envelope import Envelope
from chassis.database.unit_of_work import UnitOfWork

M = TypeVar("M", bound=Message)

# Bodies of a run, which are all in memory at once; an event that has more is a run by itself.
RUN_BYTES_MAX = 1024 * 1024


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
    """One kind of event and the function that applies it: one event, or a run of them.

    A run are events of the kind that come one after the other in a transaction, up to some size.
    Who takes runs can read once for all of them, and take locks in the order of others; by event it
    would be in the order of events.

    The function runs inside the transaction that also notes the events as applied. Whatever it
    raises undoes the transaction; each event comes again by itself, and after its last try it is a
    dead letter.
    """

    event_type: type[M]
    handle: Callable[[UnitOfWork, ReceivedEvent[M]], None] | None = None
    handle_run: Callable[[UnitOfWork, Sequence[ReceivedEvent[M]]], None] | None = None

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

    def apply_run(
        self,
        unit_of_work: UnitOfWork,
        run: Sequence[Envelope],
        around: Callable[[Envelope], AbstractContextManager[Any]],
    ) -> None:
        """Apply events, each inside `around` it."""
        if self.handle_run is not None:
            with ExitStack() as stack:
                for envelope in run:
                    stack.enter_context(around(envelope))
                self.handle_run(unit_of_work, [self.received(envelope) for envelope in run])
            return
        assert self.handle is not None, "a handler has a function"
        for envelope in run:
            with around(envelope):
                self.handle(unit_of_work, self.received(envelope))


def apply_together(
    handlers: Mapping[str, EventHandler[Any]],
    unit_of_work: UnitOfWork,
    envelopes: Sequence[Envelope],
    around: Callable[[Envelope], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Apply the events of a transaction in their order.

    `handlers` are by the names of their types; each event is applied inside `around` it.
    """
    for run in _runs(envelopes):
        handlers[run[0].event_type].apply_run(unit_of_work, run, around)


def _runs(envelopes: Iterable[Envelope]) -> Iterator[list[Envelope]]:
    run: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        size += len(envelope.body)
        if run and (envelope.event_type != run[0].event_type or size > RUN_BYTES_MAX):
            yield run
            run, size = [], len(envelope.body)
        run.append(envelope)
    if run:
        yield run
