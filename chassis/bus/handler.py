"""What a service does when an event arrives."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message
from opentelemetry.trace import Span, SpanKind

from chassis.bus.envelope import Envelope
from chassis.database.unit_of_work import EventPosition, UnitOfWork
from chassis.telemetry.tracing import span_of

M = TypeVar("M", bound=Message)

# Bodies of a run, which are all in memory at once; an event that has more is a run by itself.
RUN_BYTES_MAX = 1024 * 1024


def event_span(event_type: str, traceparent: str) -> AbstractContextManager[Span]:
    """Continue the trace of the transaction that published an event."""
    return span_of(f"{event_type} process", SpanKind.CONSUMER, traceparent)


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
    traceparent: str = ""

    @property
    def position(self) -> EventPosition:
        """Where it stands in its producer's log."""
        return EventPosition(self.partition, self.sequence)

    def traced(self) -> AbstractContextManager[Span]:
        """Continue the trace of the transaction that published it."""
        return event_span(self.body.DESCRIPTOR.full_name, self.traceparent)


Handle: TypeAlias = Callable[[UnitOfWork, ReceivedEvent[M]], None]
HandleRun: TypeAlias = Callable[[UnitOfWork, Sequence[ReceivedEvent[M]]], None]
Lock: TypeAlias = Callable[[UnitOfWork, Iterable[ReceivedEvent[M]], Collection[int]], None]


@dataclass(frozen=True, slots=True)
class EventHandler(Generic[M]):
    """One kind of event and the function that applies runs of them.

    A run are events of the kind that come one after the other in a transaction, up to some size.
    `one_by_one` makes the function of one that applies an event. Who takes a run as a whole can
    read once for all of it, and take locks in the order of others, not in the order of events; it
    continues the traces of the events itself, or by `together`.

    The function runs inside the transaction that also notes the events as applied. Whatever it
    raises undoes the transaction; each event comes again by itself, and after its last try it is a
    dead letter.

    Who locks what other transactions lock too, takes with `lock` what all its runs of a transaction
    need, before the first event of any type is applied: run by run it would lock in the order of
    events. It is given its events and the partitions of all; one run alone locks for itself.
    """

    event_type: type[M]
    handle_run: HandleRun[M]
    lock: Lock[M] | None = None

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
            traceparent=envelope.traceparent,
        )


def one_by_one(handle: Handle[M]) -> HandleRun[M]:
    """Handle the events of a run one after the other, each inside its trace."""

    def handle_run(unit_of_work: UnitOfWork, run: Sequence[ReceivedEvent[M]]) -> None:
        for event in run:
            with event.traced():
                handle(unit_of_work, event)

    return handle_run


def together(handle_run: HandleRun[M]) -> HandleRun[M]:
    """Handle a run inside the traces of all its events; what it publishes goes on the newest's."""

    def handle(unit_of_work: UnitOfWork, run: Sequence[ReceivedEvent[M]]) -> None:
        with ExitStack() as traces:
            for event in run:
                traces.enter_context(event.traced())
            handle_run(unit_of_work, run)

    return handle


def apply_together(
    handlers: Mapping[str, EventHandler[Any]],
    unit_of_work: UnitOfWork,
    envelopes: Sequence[Envelope],
) -> None:
    """Apply the events of a transaction in their order, by the handlers of their types."""
    runs = list(_runs(envelopes))
    if len(runs) > 1:
        _lock_first(handlers, unit_of_work, envelopes)
    for run in runs:
        handler = handlers[run[0].event_type]
        handler.handle_run(unit_of_work, [handler.received(envelope) for envelope in run])


def _lock_first(
    handlers: Mapping[str, EventHandler[Any]],
    unit_of_work: UnitOfWork,
    envelopes: Sequence[Envelope],
) -> None:
    partitions = {envelope.partition for envelope in envelopes}
    for event_type in sorted({envelope.event_type for envelope in envelopes}):
        handler = handlers[event_type]
        if handler.lock is not None:
            events = (handler.received(each) for each in envelopes if each.event_type == event_type)
            handler.lock(unit_of_work, events, partitions)


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
