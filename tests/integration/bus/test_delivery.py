"""Events arrive in order and take effect exactly once, whatever dies on the way."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from chassis.bus import outbox
from chassis.bus.broker import Broker
from chassis.bus.dead_letters import DeadLetters
from chassis.bus.subjects import event_stream
from chassis.database.engine import Database
from chassis.database.schema import outbox_head_table
from kernel.errors import DomainError
from tests.integration.bus.conftest import (
    WAIT_SECONDS_MAX,
    Recorder,
    block,
    broker_at,
    consuming,
    relaying,
    wait_for_effects,
)
from tests.support.nats_server import NatsServer

NewDatabase = Callable[[], Database]

EARLY = datetime(2000, 1, 1, tzinfo=UTC)
ACCOUNTS = [f"account-{number:03d}" for number in range(100)]


async def test_every_event_takes_effect_once_and_in_order(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A hundred blocks of one partition arrive as they were committed, each once."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            await block(producer, *ACCOUNTS[:50])
            await block(producer, *ACCOUNTS[50:])
            found = await wait_for_effects(consumer, ACCOUNTS)
    assert list(found.items()) == [(account, 1) for account in ACCOUNTS]


async def test_order_holds_when_the_work_is_interrupted_with_events_in_hand(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A neighbour that is away for a moment holds up a partition and lets nothing overtake."""
    producer, consumer, recorder = new_database(), new_database(), Recorder()
    recorder.interrupted = {"account-007", "account-060"}
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, recorder.handlers):
            await block(producer, *ACCOUNTS)
            found = await wait_for_effects(consumer, ACCOUNTS)
    assert list(found.items()) == [(account, 1) for account in ACCOUNTS]


async def test_events_that_a_crash_left_in_the_outbox_leave_at_the_next_start(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A crash after commit and before publish loses nothing."""
    producer, consumer = new_database(), new_database()
    await block(producer, *ACCOUNTS[:5])
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            found = await wait_for_effects(consumer, ACCOUNTS[:5])
    assert set(found.values()) == {1}


async def test_events_published_twice_take_effect_once(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A crash after publish and before it was noted sends events again; nothing happens twice."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            await block(producer, *ACCOUNTS[:5])
            await wait_for_effects(consumer, ACCOUNTS[:5])
            await forget_published(producer)
            # Past the broker's own window for duplicates, so that the inbox has to know them.
            await broker.stream.purge_stream(event_stream(3))
            await republish_all(producer, broker)
            await block(producer, "last")
            found = await wait_for_effects(consumer, ["last"])
    assert set(found.values()) == {1}


async def test_a_kill_of_the_broker_loses_nothing(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """Commits go on while the broker is dead; everything arrives after it is back."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            await block(producer, *ACCOUNTS[:5])
            await wait_for_effects(consumer, ACCOUNTS[:5])
            nats.kill()
            await block(producer, *ACCOUNTS[5:10])
            nats.start()
            found = await wait_for_effects(consumer, ACCOUNTS[:10])
    assert list(found.items()) == [(account, 1) for account in ACCOUNTS[:10]]


async def test_deleted_streams_are_refilled_from_the_event_log(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """With every stream gone and a new consumer, the log brings everything back, once."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker):
            await block(producer, *ACCOUNTS[:20])
            await wait_until_published(producer)
            await broker.stream.delete_stream(event_stream(3))
            async with consuming(consumer, broker, Recorder().handlers):
                await broker.create_streams()
                await republish_all(producer, broker)
                found = await wait_for_effects(consumer, ACCOUNTS[:20])
    assert set(found.values()) == {1}


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_and_stops_no_other(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """The poisoned event is kept with its reason; once the cause is gone, a replay applies it."""
    producer, consumer = new_database(), new_database()
    recorder = Recorder()
    recorder.poisoned = {"account-002"}
    async with broker_at(nats) as broker:
        dead_letters = DeadLetters(broker, "rating")
        async with relaying(producer, broker), consuming(consumer, broker, recorder.handlers):
            await block(producer, *ACCOUNTS[:5])
            others = [account for account in ACCOUNTS[:5] if account != "account-002"]
            found = await wait_for_effects(consumer, others)
            assert "account-002" not in found
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while not (letters := await dead_letters.list_after(0, 10)):
                    await asyncio.sleep(0.02)
            assert [(letter.reason, letter.message) for letter in letters] == [
                ("ArithmeticError", "cannot digest account-002")
            ]
            recorder.poisoned = set()
            assert await dead_letters.replay([], lambda letter_id: f"again.{letter_id}") == 1
            found = await wait_for_effects(consumer, ["account-002"])
            assert set(found.values()) == {1}
            assert await dead_letters.list_after(0, 10) == []
            with pytest.raises(DomainError, match="DEAD_LETTER_NOT_FOUND"):
                await dead_letters.replay([letters[0].dead_letter_id], str)


async def test_a_producer_restored_from_a_backup_never_reuses_a_number(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A restored log that ends too early goes on after what the broker has seen."""
    producer, restored, consumer = new_database(), new_database(), new_database()
    async with broker_at(nats) as broker:
        async with consuming(consumer, broker, Recorder().handlers):
            async with relaying(producer, broker):
                await block(producer, *ACCOUNTS[:5])
                await wait_for_effects(consumer, ACCOUNTS[:5])
            async with relaying(restored, broker):
                await block(restored, "after the restore")
                found = await wait_for_effects(consumer, ["after the restore"])
    assert set(found.values()) == {1}


async def test_two_replicas_share_the_partitions_and_double_nothing(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A second consumer on the same database takes its share of the work."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker, broker_at(nats) as second:
        async with (
            relaying(producer, broker),
            consuming(consumer, broker, Recorder().handlers),
            consuming(consumer, second, Recorder().handlers),
        ):
            for partition in range(8):
                await block(producer, *ACCOUNTS[partition * 10 :][:10], partition=partition)
            found = await wait_for_effects(consumer, ACCOUNTS[:80])
    assert set(found.values()) == {1}
    assert len(found) == 80


async def forget_published(producer: Database) -> None:
    """Put the producer back to before it knew what the broker has."""
    reset = sa.update(outbox_head_table).values(published_sequence=0)
    await producer.write(lambda uow: uow.connection.execute(reset))


async def republish_all(producer: Database, broker: Broker) -> None:
    """Publish the whole log again under new message ids, as a replay does."""
    events = await producer.read(lambda c: outbox.event_log(c, EARLY, None, []))
    headers = [event.headers(f"{event.event_id}.replay.test") for event in events]
    assert await broker.publish_in_order(events, headers) == len(events)


async def wait_until_published(producer: Database) -> None:
    """Wait until the broker has everything."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while await producer.read(outbox.unpublished_count):
            await asyncio.sleep(0.02)
