"""Collections and the books agree; where somebody makes them disagree, the audit says so."""

import asyncio
import threading

import pytest
from sqlalchemy import delete, update

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.payment.api.convert import payment_to_proto, receipt_from_proto
from services.payment.domain.collections.collection import Collection
from services.payment.domain.collections.gateway import Settlement, SettlementState
from services.payment.domain.ledger.account import Account
from services.payment.domain.payment import METHODS_OF_INSTRUMENTS, Payment
from services.payment.store.collection_schema import collection_table
from services.payment.store.collections import get_collection, note_reference
from services.payment.store.entries import FIRST_ID, LAST_ID, list_entries
from services.payment.store.schema import payment_table
from services.payment.usecases.adjustments.correct_entry import correct_entry
from services.payment.usecases.collections.end_collection import end_collection
from services.payment.usecases.posting.record_payment import record_payment
from tests.conformance.payment.books import receipt
from tests.conformance.payment.collecting import TEN, TENANT, Till

REFUSED = Settlement(SettlementState.DECLINED, failure_code="refused")


async def collected(till: Till) -> tuple[Account, Collection]:
    """An account with ten that were collected."""
    payer = await till.customer(0)
    asked = await till.order(payer, await till.attach(payer), TEN)
    await till.collect()
    return payer, await stored(till, asked.collection_id)


async def stored(till: Till, collection_id: str) -> Collection:
    return await till.database.read(lambda c: get_collection(c, TENANT, collection_id))


async def findings(till: Till) -> list[str]:
    return (await till.audit()).findings


async def test_a_payment_that_is_missing_is_found(till: Till) -> None:
    """The gateway took the money."""
    _, collection = await collected(till)
    assert await findings(till) == []
    await till.database.write(lambda uow: uow.connection.execute(delete(payment_table)))
    (found,) = await findings(till)
    assert collection.collection_id in found
    assert f"received {TEN} micros, its payment has 0" in found


async def test_a_payment_that_no_gateway_knows_of_is_found(till: Till) -> None:
    """Somebody has made up the outcome of a collection, or another amount."""
    await collected(till)
    pending = {"state": int(SettlementState.PENDING)}
    await till.database.write(
        lambda uow: uow.connection.execute(update(collection_table).values(**pending))
    )
    (found,) = await findings(till)
    assert f"received 0 micros, its payment has {TEN}" in found


async def test_a_collected_payment_that_is_taken_back_stays_a_payment(till: Till) -> None:
    """As when a bank has claimed it back; the correction is another entry."""
    payer, _ = await collected(till)
    entries = await till.database.read(
        lambda c: list_entries(c, TENANT, (FIRST_ID, LAST_ID), 500, None)
    )
    ((_, entry),) = entries
    entry_id = str(entry.journal_entry_id)
    await till.database.write(lambda uow: correct_entry(uow, TENANT, entry_id, "disputed", "bob"))
    assert await till.wallet(payer) == 0
    assert await till.is_whole()


@pytest.mark.parametrize("method", sorted(METHODS_OF_INSTRUMENTS))
async def test_nobody_records_what_only_a_gateway_can_have_received(
    till: Till, method: int
) -> None:
    """People record bank transfers and cash."""
    payer = await till.customer(0)
    stated = payment_to_proto(Payment(receipt(payer, TEN, method=method), "ann", till.clock()))
    with pytest.raises(DomainError, match="INVALID_PAYMENT"):
        receipt_from_proto(stated)


async def test_nobody_records_a_payment_in_the_place_of_a_collections(till: Till) -> None:
    """Its money would have none when it comes."""
    payer = await till.customer(0)
    asked = await till.order(payer, await till.attach(payer), TEN)
    stated = receipt(payer, 1, payment_id=asked.collection_id)
    with pytest.raises(DomainError, match="PAYMENT_EXISTS"):
        await till.database.write(lambda uow: record_payment(uow, TENANT, stated, "ann"))
    await till.collect()
    assert await till.wallet(payer) == TEN


async def test_a_refusal_waits_for_who_is_storing_a_reference(till: Till) -> None:
    """The debit that was prepared may be settled from then on: it must not count as declined."""
    payer = await till.customer(0)
    asked = await till.order(payer, await till.attach(payer), TEN)
    collection = await stored(till, asked.collection_id)
    noted, may_commit = threading.Event(), threading.Event()

    def note(unit_of_work: UnitOfWork) -> None:
        note_reference(unit_of_work.connection, collection, f"pi_{new_uuid()}")
        noted.set()
        assert may_commit.wait(timeout=20)

    noting = asyncio.create_task(till.database.write(note))
    assert await asyncio.to_thread(noted.wait, 20)
    ending = asyncio.create_task(
        till.database.write(lambda uow: end_collection(uow, collection, REFUSED))
    )
    done, _ = await asyncio.wait({ending}, timeout=0.3)
    may_commit.set()
    await noting
    assert not done
    assert not await ending
    assert (await stored(till, asked.collection_id)).is_pending
