"""Whatever is killed in the middle of an import, nothing is missing and nothing is doubled."""

import asyncio
import sys
from functools import partial

import nats
import pytest

from chassis.bus.subjects import event_streams
from deploy.local.installation import SERVICES
from tests.chaos.conftest import (
    SHORT,
    Traffic,
    received_count,
    settled,
    tollbook,
    watched_file,
)
from tests.support.operator import Operator
from tests.support.suite import Suite, fact

pytestmark = pytest.mark.timeout(900)

CALLS = 20_000
DEATH_SECONDS_MAX = 30.0
PUBLISH, ACKNOWLEDGE = "after-commit-before-publish", "after-effect-before-acknowledgement"
CRASHES = [
    ("cdr", PUBLISH), ("rating", PUBLISH), ("payment", PUBLISH),
    ("rating", ACKNOWLEDGE), ("payment", ACKNOWLEDGE), ("invoice", ACKNOWLEDGE),
    ("fraud", ACKNOWLEDGE), ("cdr", ACKNOWLEDGE),
]  # fmt: skip
CRASHES_SHORT = [("cdr", PUBLISH), ("rating", ACKNOWLEDGE)]


async def test_killing_each_process_during_an_import_loses_and_doubles_nothing(
    suite: Suite, operator: Operator
) -> None:
    """Each service, NATS and PostgreSQL die by kill -9, one after the other, amid 20,000 calls."""
    traffic = Traffic(CALLS)
    victims = suite.supervisor.names
    file = watched_file(suite)
    step = CALLS // len(victims)
    for place, victim in enumerate(victims):
        before = await fact("cdr answers", partial(received_count, suite), lambda count: count >= 0)
        last = CALLS if victim == victims[-1] else (place + 1) * step
        with file.open("ab") as growing:
            growing.write(traffic.file(place * step, last))
        await fact("the import is under way", partial(received_count, suite), before.__lt__)
        suite.supervisor.kill(victim)
        suite.supervisor.start(victim)
        await asyncio.to_thread(suite.supervisor.wait_ready, victim)
    assert await settled(suite, traffic.totals) == traffic.totals


@pytest.mark.parametrize(("victim", "point"), CRASHES_SHORT if SHORT else CRASHES)
async def test_a_crash_between_two_steps_is_repaired_by_repeating_them(
    suite: Suite, operator: Operator, victim: str, point: str
) -> None:
    """The process dies exactly after a commit and before what should follow it."""
    traffic = Traffic(2_000)
    suite.supervisor.stop(victim)
    command = [sys.executable, "-m", "tests.chaos.crash_points", point, "serve", victim]
    suite.supervisor.start(victim, command)
    file = watched_file(suite)
    for first in range(0, 2_000, 200):
        with file.open("ab") as growing:
            growing.write(traffic.file(first, first + 200))
        await asyncio.sleep(0)
    assert await asyncio.to_thread(suite.supervisor.wait_for_end, victim, DEATH_SECONDS_MAX)
    suite.supervisor.start(victim)
    await asyncio.to_thread(suite.supervisor.wait_ready, victim)
    assert await settled(suite, traffic.totals) == traffic.totals


async def test_deleted_streams_and_a_replay_give_the_same_totals(
    suite: Suite, operator: Operator
) -> None:
    """With every stream deleted in the middle, a replay of the event logs completes the work."""
    traffic = Traffic(4_000)
    file = watched_file(suite)
    file.write_bytes(traffic.file(0, 2_000))
    await fact("the import is under way", partial(received_count, suite), lambda count: count > 0)
    await delete_streams(suite)
    with file.open("ab") as growing:
        growing.write(traffic.file(2_000, 4_000))
    await fact("everything is received", partial(received_count, suite), (4_000).__eq__)
    for service in SERVICES:
        await tollbook(suite, "replay", service)
    assert await settled(suite, traffic.totals) == traffic.totals


async def delete_streams(suite: Suite) -> None:
    """Lose everything that the broker holds."""
    client = await nats.connect(suite.installation.nats_url)
    for name in event_streams():
        await client.jetstream().delete_stream(name)
    await client.close()
