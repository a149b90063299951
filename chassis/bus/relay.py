"""The relay: sends the outbox to the broker, in order, until the broker has everything.

It drains at start, after every commit and periodically, so that an event left behind by a crash
between commit and publish leaves as soon as any replica runs.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from chassis.bus import metrics, outbox
from chassis.bus.broker import BROKER_ERRORS, Broker
from chassis.bus.envelope import read_envelope
from chassis.bus.lease import Leases
from chassis.bus.subjects import event_stream, produced_subjects
from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from kernel.partition import PARTITION_COUNT

RELAY_INTERVAL_SECONDS = 1.0
RELAY_RETRY_SECONDS = 0.5
FINISH_SECONDS_MAX = 5.0
PURGE_INTERVAL_SECONDS = 600
PURGE_ROUNDS_MAX = 1_000

_logger = logging.getLogger(__name__)


def relay_lease(partition: int) -> str:
    """Return the name of the lease to relay a partition."""
    return f"relay/{partition}"


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the broker has taken of a partition's next events."""

    partition: int
    last_sequence: int
    is_complete: bool


class Relay:
    """Publishes what this service's transactions left in the outbox."""

    def __init__(self, database: Database, broker: Broker, leases: Leases, producer: str) -> None:
        self._database = database
        self._broker = broker
        self._leases = leases
        self._producer = producer
        self._work = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        database.on_commit(self._wake)

    async def check_heads(self) -> None:
        """Move heads that are behind the broker's: this database was restored from a backup."""
        for partition in range(PARTITION_COUNT):
            subject = produced_subjects(self._producer, partition)
            message = await self._broker.last_message(event_stream(partition), subject)
            if message is not None:
                headers = dict(message.headers or {})
                await self._check_head(partition, read_envelope(headers, b"").sequence)

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            self._work.clear()
            try:
                await self._drain()
            except (*BROKER_ERRORS, SQLAlchemyError) as error:
                _logger.warning("relay waits %s s: %r", RELAY_RETRY_SECONDS, error)
                await asyncio.sleep(RELAY_RETRY_SECONDS)
                continue
            try:
                await asyncio.wait_for(self._work.wait(), RELAY_INTERVAL_SECONDS)
            except TimeoutError:
                continue

    async def finish(self) -> None:
        """Send what the last transactions left, if the broker takes it in time."""
        try:
            await asyncio.wait_for(self._drain(), FINISH_SECONDS_MAX)
        except (*BROKER_ERRORS, SQLAlchemyError) as error:
            _logger.warning("events wait in the outbox for the next start: %r", error)

    async def purge(self) -> None:
        """Delete, now and then, what is older than the log's retention."""
        while True:
            await asyncio.sleep(PURGE_INTERVAL_SECONDS)
            try:
                await self._purge_all()
            except SQLAlchemyError as error:
                _logger.warning("purge failed: %r", error)

    async def _purge_all(self) -> None:
        """Purge in small transactions, so that nobody waits long for the database."""
        for _ in range(PURGE_ROUNDS_MAX):
            if await self._database.write(outbox.purge) == 0:
                return

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._work.set)

    async def _drain(self) -> None:
        while partitions := await self._ours():
            sent = await asyncio.gather(*(self._publish(partition) for partition in partitions))
            await self._note_published(sent)
            if not all(part.is_complete for part in sent):
                # The stream may have been deleted; if the broker is away, this fails in its place.
                await self._broker.create_streams()
                raise TimeoutError("the broker did not take every event")

    async def _ours(self) -> list[int]:
        waiting = await self._database.read(outbox.unpublished_counts)
        metrics.outbox_backlog(sum(waiting.values()))
        return [p for p in waiting if self._leases.token(relay_lease(p)) is not None]

    async def _publish(self, partition: int) -> _Sent:
        """Publish the next events of a partition."""
        envelopes = await self._database.read(lambda c: outbox.unpublished(c, partition))
        headers = [envelope.headers() for envelope in envelopes]
        stored = await self._broker.publish_in_order(envelopes, headers)
        last_sequence = envelopes[stored - 1].sequence if stored else 0
        return _Sent(partition, last_sequence, is_complete=stored == len(envelopes))

    async def _note_published(self, sent: Sequence[_Sent]) -> None:
        def work(unit_of_work: UnitOfWork) -> None:
            for part in sent:
                outbox.note_published(unit_of_work, part.partition, part.last_sequence)

        await self._database.write(work)

    async def _check_head(self, partition: int, published: int) -> None:
        was = await self._database.write(
            lambda uow: outbox.never_reuse_sequences(uow, partition, published)
        )
        if was is not None:
            _logger.error(
                "partition %s: this log ends at %s but the broker has %s from us; the database was "
                "restored from a backup, and numbering goes on after %s",
                partition, was, published, published,
            )  # fmt: skip
