"""What cannot be applied is kept as a dead letter, and stops nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from chassis.bus.broker import Broker
from chassis.bus.dead_letters import DeadLetter, DeadLetters
from chassis.bus.envelope import read_envelope
from chassis.bus.subjects import event_stream
from chassis.database.engine import Database
from kernel.partition import PARTITION_COUNT
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

POISON = "Zoë's\r\naccount"
SUBJECT = "tollbook.fraud.v1.account_blocked.3.aurora"


@pytest.fixture
async def broker(nats: NatsServer) -> AsyncIterator[Broker]:
    async with broker_at(nats) as broker:
        yield broker


async def test_a_replayed_event_that_dies_again_is_a_dead_letter_again(
    broker: Broker, new_database: NewDatabase
) -> None:
    """A replay before the cause is gone loses nothing, with its reason readable as before."""
    producer, consumer, recorder = new_database(), new_database(), Recorder()
    recorder.poisoned = {POISON}
    async with relaying(producer, broker), consuming(consumer, broker, recorder.handlers):
        await block(producer, POISON)
        first = await next_letter(broker, 0)
        await DeadLetters(broker, "rating").replay([], lambda letter_id: f"again.{letter_id}")
        second = await next_letter(broker, first.dead_letter_id)
    assert second.envelope == first.envelope
    assert second.message == "cannot digest Zoë's account"


async def test_a_dead_letter_of_one_partition_costs_the_others_nothing(
    broker: Broker, new_database: NewDatabase
) -> None:
    """Partitions share transactions; what was to commit with a bad event commits without it."""
    producer, consumer, recorder = new_database(), new_database(), Recorder()
    recorder.poisoned = {POISON}
    good = {partition: f"account {partition}" for partition in range(PARTITION_COUNT)}
    for partition, account in good.items():
        await block(producer, account, partition=partition)
    await block(producer, POISON, "behind it", partition=5)
    async with relaying(producer, broker), consuming(consumer, broker, recorder.handlers):
        found = await wait_for_effects(consumer, [*good.values(), "behind it"])
        letter = await next_letter(broker, 0)
    assert set(found.values()) == {1}
    assert letter.message == "cannot digest Zoë's account"


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce-type": "nonsense"},
        {"ce-committime": "9" * 40},
        {"ce-sequence": "one"},
        {"ce-sequence": "9" * 40},
        {"ce-type": "tollbook.fraud.v1.NeverHeardOf"},
    ],
)
async def test_a_message_that_is_no_event_of_ours_stops_nothing(
    broker: Broker, new_database: NewDatabase, wrong: dict[str, str]
) -> None:
    """Whatever its headers say, the events behind it are applied."""
    producer, consumer = new_database(), new_database()
    async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
        await block(producer, "before")
        await wait_for_effects(consumer, ["before"])
        good = await broker.last_message(event_stream(3), SUBJECT)
        assert good is not None
        envelope = read_envelope(dict(good.headers or {}), good.data or b"")
        await broker.publish(SUBJECT, envelope.body, envelope.headers("foreign") | wrong)
        await block(producer, "after")
        found = await wait_for_effects(consumer, ["after"])
    assert found == {"before": 1, "after": 1}


async def test_a_body_that_cannot_be_read_is_a_dead_letter(
    broker: Broker, new_database: NewDatabase
) -> None:
    """Bytes that are no such message are kept, and what follows is applied."""
    producer, consumer = new_database(), new_database()
    async with relaying(producer, broker), consuming(consumer, broker, Recorder().handlers):
        await block(producer, "before")
        await wait_for_effects(consumer, ["before"])
        good = await broker.last_message(event_stream(3), SUBJECT)
        assert good is not None
        headers = dict(good.headers or {}) | {"ce-sequence": "999", "Nats-Msg-Id": "broken"}
        await broker.publish(SUBJECT, b"\xff\xff\xff", headers)
        letter = await next_letter(broker, 0)
        await block(producer, "after")
        await wait_for_effects(consumer, ["after"])
    assert (letter.reason, letter.envelope.body) == ("DecodeError", b"\xff\xff\xff")


async def next_letter(broker: Broker, after: int) -> DeadLetter:
    """Wait for the consumer's next dead letter."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not (letters := await DeadLetters(broker, "rating").list_after(after, 1)):
            await asyncio.sleep(0.05)
    return letters[0]
