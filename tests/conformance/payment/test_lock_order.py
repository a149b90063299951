"""Whoever locks the funds of several accounts does so in one order: nobody waits for ever."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, text

from chassis.database.engine import Database
from services.payment.domain.account import PaymentMode
from tests.conformance.payment.books import Books, accounts_of_partition
from tests.conformance.payment.holding import Teller, place, rated

WAITING_SECONDS_MAX = 30
_LOCK = text("SELECT 1 FROM funds WHERE account_id = :account_id FOR UPDATE NOWAIT")
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """A replica."""
    return Teller(database, books)


async def test_events_that_share_a_transaction_lock_funds_in_the_order_of_accounts(
    teller: Teller,
) -> None:
    """The event of the later account comes first; who holds on both accounts is not in its way."""
    if teller.database.dialect == "sqlite":
        pytest.skip("one writes at a time, there are no rows to lock")
    payers = accounts_of_partition(3, 2, mode=PaymentMode.PREPAID)
    first, second = sorted(payers, key=lambda payer: payer.account_id)
    await teller.announce(first, second)
    for payer in payers:
        await teller.pay(payer, 100)
    steps = [place(second, 60), place(first, 60)]
    await teller.do(*steps)
    of_second, of_first = (UUID(step.place.hold_id).bytes for step in steps)
    engine = create_engine(teller.database.url)
    with engine.begin() as holding:
        # As a request that places holds on both has the first.
        holding.execute(_LOCK, {"account_id": first.account_id})
        delivery = asyncio.create_task(
            teller.deliver(
                (rated([(second, 1, 45, of_second)]), second),
                (rated([(first, 2, 45, of_first)]), first),
            )
        )
        await _until_somebody_waits(engine)
        holding.execute(_LOCK, {"account_id": second.account_id})
    engine.dispose()
    await delivery
    assert [await teller.wallet(payer) for payer in (first, second)] == [55, 55]
    assert [await teller.held(payer) for payer in (first, second)] == [0, 0]


async def test_holds_and_events_of_the_same_accounts_go_on_together(teller: Teller) -> None:
    """Whatever comes in which order: all charges are posted, and nothing stays held."""
    first, second = payers = accounts_of_partition(3, 2, mode=PaymentMode.PREPAID)
    await teller.announce(*payers)
    for payer in payers:
        await teller.pay(payer, 1_000)

    async def charge(number: int) -> None:
        steps = [place(second, 1), place(first, 1)]
        await teller.do(*steps)
        of_second, of_first = (UUID(step.place.hold_id).bytes for step in steps)
        await teller.deliver(
            (rated([(second, number, 1, of_second)]), second),
            (rated([(first, number + 1, 1, of_first)]), first),
        )

    await asyncio.gather(*(charge(number) for number in range(1, 40, 2)))
    assert [await teller.wallet(payer) for payer in payers] == [980, 980]
    assert [await teller.held(payer) for payer in payers] == [0, 0]


async def _until_somebody_waits(engine: Engine) -> None:
    # A transaction would see the sessions that there were when it first looked.
    async with asyncio.timeout(WAITING_SECONDS_MAX):
        while not _is_waiting(engine):
            await asyncio.sleep(0.01)


def _is_waiting(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(_WAITING).scalar())
