"""Quotes are made from memory, and no other replica would answer otherwise for long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from chassis.grpc.convert import time_to_proto
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.quoting import call, priced_rows, reason_of
from tests.conformance.rating.records import NOON, UNKNOWN
from tests.conformance.rating.sheets import DECK
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

CALLS = 40
FACT_SECONDS_MAX = 10.0
PUBLISH_SECONDS_MAX = 120.0


@asynccontextmanager
async def watching(desk: Desk) -> AsyncIterator[None]:
    """Let the memory of a replica watch the database."""
    watch = asyncio.create_task(desk.watch.run())
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


def replica_of(desk: Desk) -> Desk:
    """Another replica of the service on the same database."""
    other = Desk(
        desk.database,
        tenant_id=desk.tenant_id,
        account_id=desk.account_id,
        plan_id=desk.plan_id,
        deck_id=desk.deck_id,
    )
    other.act()
    return other


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(FACT_SECONDS_MAX):
        while not await fact():
            await asyncio.sleep(0.01)


async def test_a_block_heard_by_another_replica_is_heeded_within_moments(desk: Desk) -> None:
    """In every replica, and the account may call again once it is unblocked."""
    assert (await desk.rating.PriceCall(call(desk), None)).amount.nanos == 60_000_000
    other = replica_of(desk)
    async with watching(desk):
        moment = time_to_proto(NOON)
        blocked = AccountBlocked(account_id=desk.account_id, reason="spend", block_time=moment)
        await other.hear(blocked)
        assert await reason_of(other.rating.PriceCall(call(desk), None)) == "ACCOUNT_BLOCKED"

        async def is_blocked() -> bool:
            return await reason_of(desk.rating.PriceCall(call(desk), None)) == "ACCOUNT_BLOCKED"

        await until(is_blocked)


async def test_what_is_missing_in_memory_is_asked_of_the_database(desk: Desk) -> None:
    """An account and its plan, heard of by another replica a moment ago, have a price at once."""
    account_id, other = new_uuid(), replica_of(desk)
    request = call(desk, account_id=account_id)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "UNKNOWN_ACCOUNT"
    await other.know_account(account_id)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "NO_PLAN"
    await other.subscribe(account_id)
    assert (await desk.rating.PriceCall(request, None)).amount.nanos == 60_000_000


async def test_a_rate_published_by_another_replica_is_found_at_once_where_there_was_none(
    desk: Desk,
) -> None:
    """Before a call is refused for want of a rate, the database is asked for a newer tariff."""
    request = call(desk, callee=UNKNOWN)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "NO_RATE"
    await replica_of(desk).publish_deck(DECK + "49,Germany,0.01,1,1\n", effective=NOON)
    assert (await desk.rating.PriceCall(request, None)).amount.nanos == 10_000_000


async def test_a_large_deck_is_published_while_calls_are_priced(desk: Desk) -> None:
    """No call fails, and no answer is made from parts of two versions."""
    rates = "".join(f"44{number:05d},Town {number},0.5,1,1\n" for number in range(20_000))
    calls = [call(desk) for _ in range(CALLS)]
    other = replica_of(desk)
    seen: list[int] = []
    async with watching(desk):
        publishing = asyncio.create_task(
            other.publish_deck(DECK.replace("0.06", "0.07") + rates, effective=NOON)
        )

        async def has_new_price() -> bool:
            results = await priced_rows(desk, calls)
            [nanos] = {result.price.amount.nanos for result in results}
            seen.append(nanos)
            return nanos == 70_000_000

        async with asyncio.timeout(PUBLISH_SECONDS_MAX):
            while not await has_new_price():
                await asyncio.sleep(0)
        await publishing
    assert seen == sorted(seen)
    assert set(seen) == {60_000_000, 70_000_000}
