"""The relay: sends the outbox to the broker, in order, until the broker has everything.

It drains at start, soon after every commit and periodically, so that an event left behind by a
crash between commit and publish leaves as soon as any replica runs.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from chassis.bus import metrics, outbox
from chassis.bus.broker import BROKER_ERRORS, Broker
from chassis.bus.envelope import Envelope, read_envelope
from chassis.bus.lease import Leases
from chassis.bus.subjects import event_stream, produced_subjects
from chassis.database.engine import Database
from kernel.partition import PARTITION_COUNT

RELAY_INTERVAL_SECONDS = 1.0
# Rounds begin so far apart: what commits in between costs one read and one write for all.
RELAY_GATHER_SECONDS = 0.05
RELAY_RETRY_SECONDS = 0.5
FINISH_SECONDS_MAX = 5.0
PURGE_INTERVAL_SECONDS = 600
PURGE_ROUNDS_MAX = 1_000

_logger = logging.getLogger(__name__)


def relay_lease(partition: int) -> str:
    """Return the name of the lease to relay a partition."""
    return f"relay/{partition}"


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
        """Relay until cancelled: at once after a quiet time, else what has gathered meanwhile."""
        while True:
            self._work.clear()
            begin = time.monotonic()
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
            await asyncio.sleep(begin + RELAY_GATHER_SECONDS - time.monotonic())

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
        while not await self._relay_some():
            pass

    async def _relay_some(self) -> bool:
        """Publish the next events of our partitions; tell whether these were all."""
        ours = [p for p in range(PARTITION_COUNT) if self._leases.token(relay_lease(p)) is not None]
        backlog = await self._database.read(lambda c: outbox.backlog(c, ours))
        metrics.outbox_backlog(backlog.waiting_count)
        if not backlog.next:
            return True
        stored = await asyncio.gather(*map(self._publish, backlog.next.values()))
        await self._note_published([each for each in stored if each])
        if sum(map(len, stored)) < sum(map(len, backlog.next.values())):
            # The stream may have been deleted; if the broker is away, this fails in its place.
            await self._broker.create_streams()
            raise TimeoutError("the broker did not take every event")
        return backlog.is_all

    async def _publish(self, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
        """Publish the next events of a partition; returns those that the broker has stored."""
        headers = [envelope.headers() for envelope in envelopes]
        return envelopes[: await self._broker.publish_in_order(envelopes, headers)]

    async def _note_published(self, stored: Sequence[Sequence[Envelope]]) -> None:
        last = {envelopes[-1].partition: envelopes[-1].sequence for envelopes in stored}
        await self._database.write(lambda uow: outbox.note_published(uow, last))

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
