"""What the broker refuses, loses or forgets changes neither the order nor the effect of events."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis.bus.broker import Broker, connected
from chassis.bus.subjects import event_stream
from chassis.database.engine import Database
from chassis.database.schema import stream_position_table
from chassis.database.unit_of_work import UnitOfWork
from tests.integration.bus.conftest import (
    WAIT_SECONDS_MAX,
    Recorder,
    block,
    broker_at,
    broker_settings,
    consuming,
    effects,
    relaying,
    wait_for_effects,
)
from tests.integration.bus.lossy_proxy import lossy_proxy
from tests.support.nats_server import NatsServer
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

NewDatabase = Callable[[], Database]

STREAM = event_stream(3)
SMALL_MESSAGE_BYTES = 1_000


async def test_nothing_overtakes_an_event_that_the_broker_refuses(
    nats: NatsServer, new_database: NewDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Of three events the second is refused for a while: the third waits behind it."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        await limit_messages(broker, SMALL_MESSAGE_BYTES)
        await producer.write(publish_small_large_small)
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while "did not take fraud.3.2" not in caplog.text:
                    await asyncio.sleep(0.02)
            await limit_messages(broker, -1)
            found = await wait_for_effects(consumer, ["first", "second", "third"])
    assert list(found.items()) == [("first", 1), ("second", 1), ("third", 1)]


async def test_what_is_on_its_way_when_the_connection_breaks_is_read_again(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """The last event of a quiet partition is lost by the network; no later one has to show it."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker, lossy_proxy(nats.url) as proxy:
        async with (
            connected(broker_settings(proxy.url, "far away")) as far_away,
            relaying(producer, broker),
            consuming(consumer, far_away, Recorder().handlers),
        ):
            await block(producer, "first")
            await wait_for_effects(consumer, ["first"])
            with proxy.losing():
                await block(producer, "lost")
                await wait_until_delivered(broker, 2)
            found = await wait_for_effects(consumer, ["first", "lost"])
    assert list(found.items()) == [("first", 1), ("lost", 1)]


async def test_a_stream_deleted_under_running_services_is_made_again(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """Neither side has to be restarted for new events to flow."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            await block(producer, "before")
            await wait_for_effects(consumer, ["before"])
            await broker.stream.delete_stream(STREAM)
            await block(producer, "after")
            found = await wait_for_effects(consumer, ["after"])
    assert list(found.items()) == [("before", 1), ("after", 1)]


async def test_a_relay_makes_a_missing_stream_by_itself(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """Nobody consumes yet, and the event is kept all the same."""
    producer = new_database()
    async with broker_at(nats) as broker, relaying(producer, broker):
        await broker.stream.delete_stream(STREAM)
        await block(producer, "alone")
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while (kept := await broker.last_message(STREAM, "tollbook.>")) is None:
                await asyncio.sleep(0.02)
    assert AccountBlocked.FromString(kept.data or b"").account_id == "alone"


async def test_a_stream_that_lost_its_end_is_read_from_its_start(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """A broker restored to an older state gives out numbers again that we have read past."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        async with relaying(producer, broker):
            async with consuming(consumer, broker, Recorder().handlers):
                await block(producer, "known")
                await wait_for_effects(consumer, ["known"])
            far = sa.update(stream_position_table).values(stream_sequence=1_000)
            await consumer.write(lambda uow: uow.connection.execute(far))
            await block(producer, "new")
            async with consuming(consumer, broker, Recorder().handlers):
                found = await wait_for_effects(consumer, ["new"])
    assert list(found.items()) == [("known", 1), ("new", 1)]


async def test_one_partition_that_the_broker_refuses_holds_up_no_other(
    nats: NatsServer, new_database: NewDatabase
) -> None:
    """Accounts of other partitions are served while one waits."""
    producer, consumer = new_database(), new_database()
    async with broker_at(nats) as broker:
        await limit_messages(broker, SMALL_MESSAGE_BYTES)
        await producer.write(publish_small_large_small)
        async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
            await block(producer, "elsewhere", partition=4)
            await wait_for_effects(consumer, ["elsewhere"])
            assert "second" not in await effects(consumer)


def publish_small_large_small(unit_of_work: UnitOfWork) -> None:
    for account, reason in (("first", ""), ("second", "x" * 2_000), ("third", "")):
        unit_of_work.publish(AccountBlocked(account_id=account, reason=reason), "aurora", 3)


async def limit_messages(broker: Broker, bytes_max: int) -> None:
    """Let the broker refuse messages that are larger; -1: none."""
    config = (await broker.stream.stream_info(STREAM)).config
    await broker.stream.update_stream(replace(config, max_msg_size=bytes_max))


async def wait_until_delivered(broker: Broker, count: int) -> None:
    """Wait until the broker believes to have delivered so many messages."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            consumers = await broker.stream.consumers_info(STREAM)
            if any(c.delivered and c.delivered.consumer_seq == count for c in consumers):
                return
            await asyncio.sleep(0.02)
