"""Locks come in one order, so that nobody waits for ever, and before what they guard is read."""

import asyncio
from functools import partial
from uuid import UUID

import pytest
from google.protobuf.message import Message
from sqlalchemy import Engine, create_engine, text

from chassis.database.engine import Database
from services.payment.domain.collections.gateway import Settlement, SettlementState
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.collections import get_collection, note_reference
from services.payment.usecases.collections.end_collection import end_collection
from tests.conformance.payment.books import Books, accounts_of_partition, invoice
from tests.conformance.payment.collecting import TENANT, UNIT, Till
from tests.conformance.payment.holding import Teller, place, rated

WAITING_SECONDS_MAX = 30
_LOCK = text("SELECT 1 FROM funds WHERE account_id = :account_id FOR UPDATE NOWAIT")
_TURN = text("SELECT 1 FROM ledger_partition WHERE partition = :partition FOR UPDATE")
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
    first, second = await _payers_in_order(teller)
    await _deliver_while_holding(teller, first, second)
    assert [await teller.wallet(payer) for payer in (first, second)] == [55, 55]
    assert [await teller.held(payer) for payer in (first, second)] == [0, 0]


async def test_another_event_between_them_changes_nothing_in_the_order_of_locks(
    teller: Teller,
) -> None:
    """Runs of charges are locked together, whatever comes between: an invoice, an account."""
    if teller.database.dialect == "sqlite":
        pytest.skip("one writes at a time, there are no rows to lock")
    first, second = await _payers_in_order(teller)
    billed = accounts_of_partition(3, 1)[0]
    await teller.announce(billed)
    await _deliver_while_holding(teller, first, second, (invoice(billed, 7, 7, 1), billed))
    assert [await teller.wallet(payer) for payer in (first, second)] == [55, 55]
    assert [await teller.held(payer) for payer in (first, second)] == [0, 0]


async def test_who_posts_has_all_turns_of_a_transaction_before_it_locks_funds(
    teller: Teller,
) -> None:
    """An invoice in a later partition: its turn is taken before funds of an earlier one."""
    if teller.database.dialect == "sqlite":
        pytest.skip("one writes at a time, there are no rows to lock")
    payer, _ = await _payers_in_order(teller)
    billed = accounts_of_partition(5, 1)[0]
    await teller.announce(billed)
    step = place(payer, 60)
    await teller.one(step)
    engine = create_engine(teller.database.url)
    with engine.begin() as posting:
        # As a request that captures in the later partition has its turn, and then wants the funds.
        posting.execute(_TURN, {"partition": billed.chain.partition})
        charge = rated([(payer, 1, 45, UUID(step.place.hold_id).bytes)])
        delivery = asyncio.create_task(
            teller.deliver((charge, payer), (invoice(billed, 7, 7, 1), billed))
        )
        await _until_somebody_waits(engine)
        posting.execute(_LOCK, {"account_id": payer.account_id})
    engine.dispose()
    await delivery
    assert await teller.wallet(payer) == 55


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


async def test_a_decline_waits_for_who_notes_a_reference_and_ends_nothing(till: Till) -> None:
    """Who was refused must not end what another replica goes on to take money by."""
    if till.database.dialect == "sqlite":
        pytest.skip("one writes at a time, there are no rows to lock")
    payer = await till.customer(0)
    order = await till.order(payer, await till.attach(payer), UNIT)
    find = partial(get_collection, tenant_id=TENANT, collection_id=order.collection_id)
    asked = await till.database.read(find)
    declined = Settlement(SettlementState.DECLINED, failure_code="refused")
    engine = create_engine(till.database.url)
    with engine.begin() as noting:
        note_reference(noting, asked, "pi_noted")
        ending = asyncio.create_task(
            till.database.write(lambda uow: end_collection(uow, asked, declined))
        )
        await _until_somebody_waits(engine)
    engine.dispose()
    assert not await ending
    now = await till.database.read(find)
    assert (now.state, now.reference) == (SettlementState.PENDING, "pi_noted")


async def _payers_in_order(teller: Teller) -> list[Account]:
    """Two prepaid accounts of a partition with 100 each, in the order in which funds are locked."""
    payers = accounts_of_partition(3, 2, mode=PaymentMode.PREPAID)
    await teller.announce(*payers)
    for payer in payers:
        await teller.pay(payer, 100)
    return sorted(payers, key=lambda payer: payer.account_id)


async def _deliver_while_holding(
    teller: Teller, first: Account, second: Account, *between: tuple[Message, Account]
) -> None:
    """Charge the second before the first, while who has the funds of the first wants both."""
    steps = [place(second, 60), place(first, 60)]
    await teller.do(*steps)
    of_second, of_first = (UUID(step.place.hold_id).bytes for step in steps)
    charges = rated([(second, 1, 45, of_second)]), rated([(first, 2, 45, of_first)])
    engine = create_engine(teller.database.url)
    with engine.begin() as holding:
        holding.execute(_LOCK, {"account_id": first.account_id})
        delivery = asyncio.create_task(
            teller.deliver((charges[0], second), *between, (charges[1], first))
        )
        await _until_somebody_waits(engine)
        holding.execute(_LOCK, {"account_id": second.account_id})
    engine.dispose()
    await delivery


async def _until_somebody_waits(engine: Engine) -> None:
    # A transaction would see the sessions that there were when it first looked.
    async with asyncio.timeout(WAITING_SECONDS_MAX):
        while not _is_waiting(engine):
            await asyncio.sleep(0.01)


def _is_waiting(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(_WAITING).scalar())
