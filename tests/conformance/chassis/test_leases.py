"""Replicas share the partitions; whoever was replaced is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.bus.consumer import consumer_lease
from chassis.bus.lease import LEASE_TTL_SECONDS, LeaseLostError, Leases, check_tokens
from chassis.bus.relay import relay_lease
from chassis.database import unit_of_work
from chassis.database.engine import Database
from chassis.database.schema import lease_table
from kernel.clock import utc_now
from kernel.partition import PARTITION_COUNT

RELAYS = [relay_lease(partition) for partition in range(PARTITION_COUNT)]
CONSUMERS = [consumer_lease(partition) for partition in range(PARTITION_COUNT)]
NAMES = [name for pair in zip(RELAYS, CONSUMERS, strict=True) for name in pair]
WAIT_SECONDS_MAX = 30.0


@asynccontextmanager
async def replica(database: Database, holder: str) -> AsyncIterator[Leases]:
    """A replica that keeps leases, and dies without giving them back."""
    leases = Leases(database, holder, NAMES)
    task = asyncio.create_task(leases.keep())
    yield leases
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def held(leases: Leases, names: list[str]) -> set[str]:
    return {name for name in names if leases.token(name) is not None}


async def wait_until_held(leases: Leases, names: list[str], count: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(held(leases, names)) != count:
            await asyncio.sleep(0.05)


async def test_two_replicas_share_relaying_and_consuming_alike(database: Database) -> None:
    """Neither gets all of one kind of work, and no partition has two workers."""
    async with replica(database, "first") as first, replica(database, "second") as second:
        for leases in (first, second):
            await wait_until_held(leases, RELAYS, PARTITION_COUNT // 2)
            await wait_until_held(leases, CONSUMERS, PARTITION_COUNT // 2)
        assert not held(first, NAMES) & held(second, NAMES)


async def test_work_under_a_lease_that_was_taken_over_is_refused(database: Database) -> None:
    """A process that was paused for longer than its lease changes nothing when it wakes."""
    name = CONSUMERS[3]
    async with replica(database, "paused") as paused:
        token = await paused.wait_for(name)
    await expire_everything(database)
    async with replica(database, "successor") as successor:
        assert await successor.wait_for(name) > token
        with pytest.raises(LeaseLostError, match=f"{name} was taken over"):
            await database.write(lambda uow: check_tokens(uow.connection, {name: token}))


async def test_a_lease_given_back_is_free_at_once(database: Database) -> None:
    """A rolling update does not wait for leases to run out."""
    async with replica(database, "old") as old:
        await old.wait_for(RELAYS[0])
        await old.release()
    async with replica(database, "new") as new, asyncio.timeout(LEASE_TTL_SECONDS / 2):
        await wait_until_held(new, NAMES, len(NAMES))
        assert (held(old, NAMES), held(new, NAMES)) == (set(), set(NAMES))


async def test_replicas_that_are_gone_leave_no_rows(database: Database) -> None:
    """Each start has a name of its own; thousands of starts must not add up."""
    for number in range(3):
        async with replica(database, f"start-{number}") as leases:
            await leases.wait_for(RELAYS[0])
        await expire_everything(database)
    members = sa.select(lease_table.c.name).where(lease_table.c.name.startswith("member/"))
    found = await database.read(lambda c: list(c.execute(members).scalars()))
    assert found == ["member/start-2"]


async def test_a_replica_with_a_fast_clock_takes_nothing_from_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's clock says what has run out, not the machine's."""
    if database.dialect != "postgresql":
        pytest.skip("a SQLite file has one process")
    async with replica(database, "right") as right:
        await wait_until_held(right, NAMES, len(NAMES))
        monkeypatch.setattr(unit_of_work, "utc_now", lambda: utc_now() + timedelta(hours=1))
        async with replica(database, "fast") as fast:
            await wait_until_held(fast, NAMES, len(NAMES) // 2)
            assert len(held(right, NAMES)) == len(NAMES) // 2


async def expire_everything(database: Database) -> None:
    """Let every lease run out, as time would."""
    past = utc_now() - timedelta(hours=1)
    await database.write(
        lambda uow: uow.connection.execute(sa.update(lease_table).values(expire_time=past))
    )
