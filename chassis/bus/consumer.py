"""The consumer: applies events in order, several in one transaction, each exactly once."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chassis.bus.broker import BROKER_ERRORS, Broker, message_headers
from chassis.bus.dead_letters import DeadLetters
from chassis.bus.envelope import ONLY_CONSUMER, Envelope, read_envelope
from chassis.bus.handler import EventHandler
from chassis.bus.inbox import note_applied, note_positions
from chassis.bus.lease import LeaseLostError, Leases, check_token
from chassis.bus.subjects import event_stream, subscription_subject
from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind

# Events applied in one transaction: enough to share its cost, few enough to repeat quickly.
EVENTS_A_TRANSACTION_MAX = 32
FETCH_WAIT_SECONDS = 5.0
# Tries of one event before it is a dead letter, with a pause that doubles in between.
TRIES_MAX = 5
RETRY_WAIT_SECONDS = 0.2
PAUSE_SECONDS = 1.0

# What the database or the broker does for a while is not the event's fault: it waits as long.
_PASSING_ERRORS = (
    *BROKER_ERRORS, OperationalError, InterfaceError, PoolTimeoutError, LeaseLostError
)  # fmt: skip
_trace_context = TraceContextTextMapPropagator()
_tracer = trace.get_tracer(__name__)
_logger = logging.getLogger(__name__)


def consumer_lease(partition: int) -> str:
    """Return the name of the lease to consume a partition."""
    return f"consume/{partition}"


@dataclass(frozen=True, slots=True)
class _Delivery:
    message: Msg
    envelope: Envelope


class Consumer:
    """Applies the events of one partition to this service."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        leases: Leases,
        service: str,
        handlers: Sequence[EventHandler[Any]],
    ) -> None:
        self._database = database
        self._broker = broker
        self._leases = leases
        self._service = service
        self._handlers = {handler.type_name: handler for handler in handlers}
        self._dead_letters = DeadLetters(broker, service)

    async def run(self, partition: int) -> None:
        """Consume a partition while this replica holds its lease, until cancelled."""
        while True:
            await self._leases.wait_for(consumer_lease(partition))
            try:
                await self._consume(partition)
            except Exception as error:
                if not _is_passing(error):
                    raise
                _logger.warning("partition %s waits %s s: %r", partition, PAUSE_SECONDS, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _consume(self, partition: int) -> None:
        # Streams may have been deleted; what they held comes again from the producers' logs.
        await self._broker.create_streams()
        subjects = [subscription_subject(name, partition) for name in sorted(self._handlers)]
        subscription = await self._broker.pull_subscription(
            event_stream(partition), f"{self._service}-{partition}", subjects
        )
        try:
            while (token := self._leases.token(consumer_lease(partition))) is not None:
                await self._next_batch(subscription, partition, token)
        finally:
            await subscription.unsubscribe()

    async def _next_batch(
        self, subscription: JetStreamContext.PullSubscription, partition: int, token: int
    ) -> None:
        try:
            messages = await subscription.fetch(
                EVENTS_A_TRANSACTION_MAX, FETCH_WAIT_SECONDS, heartbeat=FETCH_WAIT_SECONDS / 3
            )
        except TimeoutError:
            return
        deliveries = [d for m in messages if (d := await _read(m)) is not None]
        ours = [d for d in deliveries if self._is_ours(d)]
        try:
            await self._apply([d.envelope for d in ours], partition, token)
        except Exception as error:
            if _is_passing(error):
                raise
            # Which one it was shows when they come one by one; nothing of the batch was kept.
            for delivery in ours:
                await self._apply_or_bury(delivery, partition, token)
        for delivery in deliveries:
            await delivery.message.ack()

    async def _apply_or_bury(self, delivery: _Delivery, partition: int, token: int) -> None:
        for tries in range(1, TRIES_MAX + 1):
            try:
                await self._apply([delivery.envelope], partition, token)
            except Exception as error:
                if _is_passing(error):
                    raise
                if tries == TRIES_MAX:
                    _logger.exception("event %s is a dead letter", delivery.envelope.event_id)
                    await self._dead_letters.add(delivery.envelope, error, tries)
                    return
                await delivery.message.in_progress()
                await asyncio.sleep(RETRY_WAIT_SECONDS * 2 ** (tries - 1))
            else:
                return

    async def _apply(self, envelopes: list[Envelope], partition: int, token: int) -> None:
        if not envelopes:
            return

        def work(unit_of_work: UnitOfWork) -> None:
            check_token(unit_of_work, consumer_lease(partition), token)
            for envelope in envelopes:
                self._apply_once(unit_of_work, envelope)
            note_positions(unit_of_work.connection, envelopes)

        await self._database.write(work)

    def _apply_once(self, unit_of_work: UnitOfWork, envelope: Envelope) -> None:
        if not note_applied(unit_of_work, envelope):
            return
        handler = self._handlers[envelope.event_type]
        parent = _trace_context.extract({"traceparent": envelope.traceparent})
        name = f"{envelope.event_type} process"
        with _tracer.start_as_current_span(name, context=parent, kind=trace.SpanKind.CONSUMER):
            handler.apply(unit_of_work, envelope)

    def _is_ours(self, delivery: _Delivery) -> bool:
        only = message_headers(delivery.message).get(ONLY_CONSUMER, self._service)
        return only == self._service and delivery.envelope.event_type in self._handlers


async def _read(message: Msg) -> _Delivery | None:
    """Read a message; what is no event of ours is logged and never delivered again."""
    try:
        return _Delivery(message, read_envelope(message_headers(message), message.data))
    except ValueError:
        _logger.exception("message on %s is dropped", message.subject)
        await message.term()
        return None


def _is_passing(error: Exception) -> bool:
    if isinstance(error, DomainError):
        return error.kind is ErrorKind.UNAVAILABLE
    return isinstance(error, _PASSING_ERRORS)
