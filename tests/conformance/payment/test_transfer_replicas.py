"""Several replicas at once: nothing is held twice, nothing is captured twice."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from chassis.database.engine import Database
from tests.conformance.payment.books import Books, accounts_of_partition
from tests.conformance.payment.holding import (
    Teller,
    capture,
    place,
    rated,
    reason,
)


@pytest.fixture
async def replicas(
    database: Database, database_url: str, books: Books
) -> AsyncIterator[list[Teller]]:
    """Two replicas over one PostgreSQL; SQLite has one process: there it is one of them twice."""
    if database.dialect == "sqlite":
        yield [Teller(database, books)] * 2
        return
    second = Database.open(database_url)
    yield [Teller(database, books), Teller(second, books)]
    second.close()


async def test_replicas_never_hold_more_than_there_is(replicas: list[Teller]) -> None:
    """A hundred holds of 1 on a balance of 37, from two replicas at once: 37 are placed."""
    payer = await replicas[0].customer(37)
    steps = [place(payer, 1) for _ in range(100)]
    results = await asyncio.gather(*[replicas[n % 2].one(each) for n, each in enumerate(steps)])
    refused = [each for each in results if reason(each)]
    assert {reason(each) for each in refused} == {"INSUFFICIENT_FUNDS"}
    assert len(results) - len(refused) == 37
    assert await replicas[0].held(payer) == 37


async def test_replicas_capture_a_charge_once(replicas: list[Teller]) -> None:
    """The same ten charges captured by both replicas and told by the event, all at once."""
    payers = accounts_of_partition(5, 10, mode=1)
    await replicas[0].announce(*payers)
    for payer in payers:
        await replicas[0].pay(payer, 100)
    opened = [place(payer, 60) for payer in payers]
    await replicas[0].do(*opened)
    holds = [step.place.hold_id for step in opened]
    numbered = list(enumerate(zip(payers, holds, strict=True), 1))
    event = rated([(payer, n, 45, UUID(hold).bytes) for n, (payer, hold) in numbered])
    await asyncio.gather(
        *[teller.one(capture(p, h, 45, charge=n)) for teller in replicas for n, (p, h) in numbered],
        replicas[1].deliver((event, payers[0])),
    )
    for payer in payers:
        assert (await replicas[0].wallet(payer), await replicas[0].held(payer)) == (55, 0)
    assert (await replicas[0].audit()).findings == []
