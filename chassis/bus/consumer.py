"""The consumer: applies events in order, several in one transaction, each exactly once.

What the partitions have at hand at once shares a transaction where it is little; a bulk batch has
one of its own beside the others, where the database can. An event that fails spoils nothing but
its own try: what shared its transaction is applied without it.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis.bus import metrics
from chassis.bus.broker import BROKER_ERRORS, Broker, message_headers
from chassis.bus.dead_letters import DeadLetters
from chassis.bus.envelope import ONLY_CONSUMER, Envelope, read_envelope
from chassis.bus.handler import EventHandler, apply_together, event_span
from chassis.bus.inbox import (
    StreamPlace,
    next_in_stream,
    note_applied,
    note_positions,
    note_stream_positions,
)
from chassis.bus.lease import LeaseLostError, Leases, check_tokens
from chassis.bus.subjects import event_stream, subscription_subject
from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.group_commit import GroupCommit, together_or_alone
from kernel.clock import utc_now
from kernel.errors import DomainError, ErrorKind
from kernel.partition import PARTITION_COUNT

# Events applied in one transaction: enough to share its cost, few enough to repeat quickly.
EVENTS_A_TRANSACTION_MAX = 32
# What one partition brings to a transaction that it shares with others, and how far apart these
# begin: they do more at once then, and nobody waits for an event who would not wait for this.
SHARED_BYTES_MAX = 64 * 1024
SHARED_APART_SECONDS = 0.25
FETCH_WAIT_SECONDS = 5.0
# Tries of one event before it is a dead letter, with a pause that doubles in between.
TRIES_MAX = 5
RETRY_WAIT_SECONDS = 0.2
PAUSE_SECONDS = 1.0

_logger = logging.getLogger(__name__)


def consumer_lease(partition: int) -> str:
    """Return the name of the lease to consume a partition."""
    return f"consume/{partition}"


class _GapError(RuntimeError):
    """A message was delivered and did not reach us; we read on from what is dealt with."""


# What the database or the broker does for a while is not the event's fault: it waits as long.
_PASSING_ERRORS = (
    *BROKER_ERRORS, *DATABASE_ERRORS, LeaseLostError, _GapError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """What a reader reads: which stream it is, under which lease, over which connection."""

    partition: int
    stream_create_time: datetime
    token: int
    reconnect_count: int


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message of the stream; without an envelope it is no event of ours."""

    stream_sequence: int
    envelope: Envelope | None
    only_consumer: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a reader has read and not dealt with yet."""

    place: _Place
    deliveries: Sequence[_Delivery]
    events: Sequence[Envelope]
    """Those that are for us."""

    @property
    def is_small(self) -> bool:
        """Whether it can wait for others, and others need not wait for it."""
        has_more_behind = len(self.deliveries) == EVENTS_A_TRANSACTION_MAX
        size = sum(len(event.body) for event in self.events)
        return not has_more_behind and size <= SHARED_BYTES_MAX

    @property
    def stream_place(self) -> StreamPlace:
        """Where the stream goes on after it."""
        last = self.deliveries[-1].stream_sequence
        return StreamPlace(self.place.partition, self.place.stream_create_time, last)


class Consumer:
    """Applies the events of partitions to this service."""

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
        self._sharing: GroupCommit[_Batch, Exception | None] = GroupCommit(
            self._apply_together, PARTITION_COUNT, SHARED_APART_SECONDS
        )

    async def run(self, partition: int) -> None:
        """Consume a partition while this replica holds its lease, until cancelled."""
        while True:
            token = await self._leases.wait_for(consumer_lease(partition))
            try:
                await self._consume(partition, token)
            except Exception as error:
                if not _is_passing(error):
                    raise
                _logger.warning("partition %s waits %s s: %r", partition, PAUSE_SECONDS, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _consume(self, partition: int, token: int) -> None:
        # Streams may have been deleted; what they held comes again from the producers' logs.
        await self._broker.create_streams()
        stream = event_stream(partition)
        extent = await self._broker.stream_extent(stream)
        place = _Place(partition, extent.create_time, token, self._broker.reconnect_count)
        first = await self._database.read(lambda c: next_in_stream(c, partition, extent))
        subjects = [subscription_subject(name, partition) for name in sorted(self._handlers)]
        subscription = await self._broker.pull_from(stream, first, subjects)
        try:
            await self._read_on(subscription, place)
        finally:
            await subscription.unsubscribe()

    async def _read_on(
        self, subscription: JetStreamContext.PullSubscription, place: _Place
    ) -> None:
        delivered = waiting = 0
        while self._leases.token(consumer_lease(place.partition)) == place.token:
            messages = await _fetch(subscription, waiting)
            waiting = messages[-1].metadata.num_pending if messages else 0
            if not messages:
                self._check_still_connected(place)
                continue
            _check_no_gap(messages, delivered)
            delivered += len(messages)
            await self._deal_with([_read(message) for message in messages], place)
            metrics.consumer_backlog(place.partition, waiting)

    def _check_still_connected(self, place: _Place) -> None:
        """Notice that the last message may be lost, which no later one would show."""
        if self._broker.reconnect_count != place.reconnect_count:
            raise _GapError("the connection was lost, and with it what was on its way")

    async def _deal_with(self, deliveries: list[_Delivery], place: _Place) -> None:
        batch = self._batch(deliveries, place)
        try:
            if not batch.is_small:
                await self._apply([batch])
            elif error := await self._sharing.do(batch):
                raise error
        except Exception as error:
            if _is_passing(error):
                raise
            # Which one it was shows when they come one by one; nothing of the batch was kept.
            for delivery in deliveries:
                await self._apply_or_bury(delivery, place)

    async def _apply_or_bury(self, delivery: _Delivery, place: _Place) -> None:
        for tries in range(1, TRIES_MAX + 1):
            try:
                await self._apply([self._batch([delivery], place)])
            except Exception as error:
                if _is_passing(error):
                    raise
                if tries == TRIES_MAX:
                    await self._bury(delivery, place, error)
                    return
                await asyncio.sleep(RETRY_WAIT_SECONDS * 2 ** (tries - 1))
            else:
                return

    async def _bury(self, delivery: _Delivery, place: _Place, error: Exception) -> None:
        """Keep the event as a dead letter first; only then read past it."""
        envelope = delivery.envelope
        assert envelope is not None, "what is no event of ours is not applied"
        with event_span(envelope.event_type, envelope.traceparent):
            _logger.error("event %s is a dead letter", envelope.event_id, exc_info=error)
        await self._dead_letters.add(envelope, delivery.stream_sequence, error, TRIES_MAX)
        metrics.dead_letter(envelope)
        await self._apply([self._batch([replace(delivery, envelope=None)], place)])

    def _batch(self, deliveries: Sequence[_Delivery], place: _Place) -> _Batch:
        ours = (each for each in deliveries if each.only_consumer in {"", self._service})
        return _Batch(place, deliveries, [each.envelope for each in ours if each.envelope])

    async def _apply_together(self, batches: Sequence[_Batch]) -> list[Exception | None]:
        """Apply batches in one transaction, or each in its own when one of them spoils it."""
        return await together_or_alone(self._apply, batches, DATABASE_ERRORS)

    async def _apply(self, batches: Sequence[_Batch]) -> list[None]:
        # Locks are taken in the order of partitions.
        ordered = sorted(batches, key=lambda batch: batch.place.partition)
        await self._database.write(partial(self._work, batches=ordered))
        if events := [event for batch in ordered for event in batch.events]:
            metrics.applied(events, utc_now())
        return [None] * len(batches)

    def _work(self, unit_of_work: UnitOfWork, batches: Sequence[_Batch]) -> None:
        connection = unit_of_work.connection
        places = [batch.place for batch in batches]
        check_tokens(connection, {consumer_lease(each.partition): each.token for each in places})
        events = [event for batch in batches for event in batch.events]
        new = note_applied(unit_of_work, events)
        apply_together(self._handlers, unit_of_work, new)
        note_positions(connection, events)
        note_stream_positions(connection, [batch.stream_place for batch in batches])


async def _fetch(subscription: JetStreamContext.PullSubscription, waiting: int) -> list[Msg]:
    """Return what came in time; nothing, too, when the broker ended the request early.

    Only as many messages are asked for as are known to be `waiting`, or one: a request that gets
    less than it asks for has an end besides, which is another message.
    """
    try:
        messages = await subscription.fetch(
            min(waiting, EVENTS_A_TRANSACTION_MAX) or 1, FETCH_WAIT_SECONDS
        )
    except TimeoutError:
        return []
    behind = messages[-1].metadata.num_pending
    if more := min(behind, EVENTS_A_TRANSACTION_MAX - len(messages)):
        with suppress(TimeoutError):
            messages += await subscription.fetch(more, FETCH_WAIT_SECONDS)
    return messages


def _check_no_gap(messages: list[Msg], delivered: int) -> None:
    """Refuse messages when one before them was lost on the way from the broker."""
    for expected, message in enumerate(messages, delivered + 1):
        if message.metadata.sequence.consumer != expected:
            raise _GapError(f"delivery {message.metadata.sequence.consumer} came after {expected}")


def _read(message: Msg) -> _Delivery:
    """Read a message; what is no event of ours is logged and left behind."""
    headers = message_headers(message)
    sequence = message.metadata.sequence.stream
    try:
        envelope = read_envelope(headers, message.data)
    except ValueError:
        _logger.exception("message %s of %s is dropped", sequence, message.subject)
        return _Delivery(sequence, None, "")
    return _Delivery(sequence, envelope, headers.get(ONLY_CONSUMER, ""))


def _is_passing(error: Exception) -> bool:
    if isinstance(error, DomainError):
        return error.kind is ErrorKind.UNAVAILABLE
    return isinstance(error, _PASSING_ERRORS)
