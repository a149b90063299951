"""Replicas that charge at once never wait for each other in a circle (on PostgreSQL)."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from chassis.bus.envelope import Envelope
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_to_proto
from services.rating.domain.charging.requests import CloseRequest
from services.rating.store.accounts import Lock as AccountLock
from services.rating.store.accounts import hold_accounts
from services.rating.store.charges import lock_charges
from services.rating.store.counters import lock_owners
from services.rating.store.sessions import lock_sessions
from services.rating.store.unrated import FIRST, waiting_charges
from services.rating.usecases.charging.settle_sessions import settle_sessions
from services.rating.usecases.settling.retry_unrated_calls import retry_part
from tests.conformance.rating.charging_desk import EURO, ChargingDesk, call_start
from tests.conformance.rating.records import BEGINNING, NOON, UNKNOWN, seconds_later
from tests.conformance.rating.test_counters import minutes
from tests.unit.rating.live_calls import Purse
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked
from tollbook.rating.v1.rating_events_pb2 import CallsRated

Lock = Callable[[Connection], object]

_WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
_WAITING_FOR_ROWS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
)


@pytest.fixture
async def owners(charging: ChargingDesk, purse: Purse) -> list[str]:
    """Accounts that have bundles."""
    desk = charging.desk
    if desk.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(60)])
    others = ["second", "third"]
    for account_id in others:
        await desk.know_account(account_id)
        await desk.subscribe(account_id)
    purse.money |= dict.fromkeys(others, EURO)
    return [desk.account_id, *others]


async def _taken_while_it_waits(
    charging: ChargingDesk,
    held: Sequence[str],
    locks: dict[str, Lock],
    work: Callable[[UnitOfWork], object],
) -> set[str]:
    """Which locks a transaction has when it comes to counters of owners that are held."""
    desk = charging.desk
    with desk.database.engine.begin() as other:
        lock_owners(other, desk.tenant_id, held)
        waiting = asyncio.create_task(desk.database.write(_undone(work)))
        async with asyncio.timeout(10):
            while not other.execute(_WAITING).scalar_one():
                await asyncio.sleep(0.01)
        taken = {name for name, lock in locks.items() if _is_taken(other, lock)}
    with pytest.raises(_UndoneError):
        await waiting
    return taken


def _is_taken(connection: Connection, lock: Lock) -> bool:
    with connection.begin_nested() as tried:
        connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
        try:
            lock(connection)
        except OperationalError:
            return True
        finally:
            tried.rollback()
    return False


class _UndoneError(Exception):
    """What a transaction did was only a try."""


def _undone(work: Callable[[UnitOfWork], object]) -> Callable[[UnitOfWork], None]:
    def run(uow: UnitOfWork) -> None:
        work(uow)
        raise _UndoneError

    return run


async def _orders(
    charging: ChargingDesk, owners: list[str], work: Callable[[UnitOfWork], object]
) -> list[set[str]]:
    """Whose counters a transaction has when it comes to each owner's."""
    lock = partial(lock_owners, tenant_id=charging.desk.tenant_id)
    locks: dict[str, Lock] = {each: partial(lock, owner_ids=[each]) for each in owners}
    return [
        await _taken_while_it_waits(
            charging, [held], {each: locks[each] for each in owners if each != held}, work
        )
        for held in owners
    ]


async def _records_of_open_calls(charging: ChargingDesk, owners: list[str]) -> list[Envelope]:
    """An event for each owner, of a call whose session is open and has the owner's id."""
    desk = charging.desk
    calls = {each: charging.call(account_id=each) for each in owners}
    for each, call in calls.items():
        await charging.open(each, call)
    return [
        desk.calls_event(desk.call(account_id=each, call_key=call.call_key, start=call_start(call)))
        for each, call in calls.items()
    ]


def _session_locks(charging: ChargingDesk, session_ids: list[str]) -> dict[str, Lock]:
    lock = partial(lock_sessions, tenant_id=charging.desk.tenant_id)
    return {each: partial(lock, session_ids=[each]) for each in session_ids}


async def test_ends_lock_counters_in_one_order_in_whatever_order_they_come(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """Of accounts with bundles, some calls have units set aside, and some nobody opened."""
    desk = charging.desk
    ends = [CloseRequest(each, 1_000, True, call=charging.call(account_id=each)) for each in owners]
    for end in ends[:2]:
        await charging.open(end.session_id, end.call)

    def closing(order: Sequence[CloseRequest]) -> Callable[[UnitOfWork], object]:
        return lambda uow: settle_sessions(uow, desk.tariffs, desk.tenant_id, order, {})

    found = await _orders(charging, owners, closing(ends))
    assert sorted(map(len, found)) == [0, 1, 2]
    assert await _orders(charging, owners, closing(ends[::-1])) == found


async def test_records_lock_counters_in_one_order_in_whatever_events_they_come(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """A transaction has events of several partitions."""
    desk = charging.desk
    envelopes = [desk.calls_event(desk.call(account_id=each)) for each in owners]
    found = await _orders(charging, owners, partial(desk.apply, envelopes=envelopes))
    assert sorted(map(len, found)) == [0, 1, 2]
    envelopes.reverse()
    assert await _orders(charging, owners, partial(desk.apply, envelopes=envelopes)) == found


async def test_records_lock_sessions_before_counters_in_whatever_events_they_come(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """As whoever charges a call that is going on does."""
    envelopes = await _records_of_open_calls(charging, owners)
    hearing = partial(charging.desk.apply, envelopes=envelopes)
    locks = _session_locks(charging, owners)
    assert await _taken_while_it_waits(charging, owners, locks, hearing) == set(owners)


async def test_another_event_between_records_changes_nothing_in_the_order_of_locks(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """An account is blocked after the first record and before the others."""
    first, *others = await _records_of_open_calls(charging, owners)
    block = AccountBlocked(account_id="another", reason="fraud", block_time=time_to_proto(NOON))
    envelopes = [first, charging.desk.event(block), *others]
    hearing = partial(charging.desk.apply, envelopes=envelopes)
    locks = _session_locks(charging, owners)
    assert await _taken_while_it_waits(charging, owners, locks, hearing) == set(owners)


async def test_an_account_that_changes_between_records_waits_for_no_call_nor_they_for_it(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """Who charges has the accounts and waits for counters that the records' transaction has.

    Neither would ever come to an end if the change waited for who has the account.
    """
    desk = charging.desk
    first, *others = await _records_of_open_calls(charging, owners)
    changes = [desk.account_event(each) for each in owners]
    hold = partial(
        hold_accounts, tenant_id=desk.tenant_id, account_ids=owners, lock=AccountLock.SHARE
    )
    with desk.database.engine.begin() as charges:
        hold(charges)
        async with asyncio.timeout(10):
            await desk.database.write(partial(desk.apply, envelopes=[first, *changes, *others]))
    with desk.database.engine.begin() as changing:
        desk.apply(UnitOfWork(changing), [desk.account_event(owners[0])])
        with desk.database.engine.begin() as charges:
            charges.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert sorted(hold(charges)) == sorted(owners)


async def test_an_account_that_changes_after_a_record_is_locked_before_anything_is_published(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """Who charges a fee has the account and publishes then: the records' transaction waits."""
    desk = charging.desk
    record = desk.calls_event(desk.call(account_id=owners[0]))
    hearing = partial(desk.apply, envelopes=[record, desk.account_event(owners[1])])
    with desk.database.engine.begin() as fee:
        hold_accounts(fee, desk.tenant_id, owners[1:2], AccountLock.UPDATE)
        waiting = asyncio.create_task(desk.database.write(hearing))
        async with asyncio.timeout(10):
            while not fee.execute(_WAITING_FOR_ROWS).scalar_one():
                await asyncio.sleep(0.01)
        # Shorter than PostgreSQL takes to find a circle, and to end it.
        fee.execute(text("SET LOCAL lock_timeout = '200ms'"))
        UnitOfWork(fee).publish(CallsRated(), desk.tenant_id, record.partition)
    await waiting
    assert len(await desk.charges(owners[0])) == 1


async def test_a_seal_waits_for_charges_and_they_for_it(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """A charge is counted by the seal or becomes a correction."""
    engine, tenant_id = charging.desk.database.engine, charging.desk.tenant_id
    for first, second in permutations([AccountLock.SHARE, AccountLock.UPDATE]):
        waits = partial(hold_accounts, tenant_id=tenant_id, account_ids=owners, lock=second)
        with engine.begin() as one, engine.begin() as other:
            hold_accounts(one, tenant_id, owners, first)
            assert _is_taken(other, waits)


async def test_retries_lock_charges_after_counters(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """As records do, which may correct what is being tried again."""
    desk = charging.desk
    await desk.collect(*(desk.call(account_id=each, callee=UNKNOWN) for each in owners))
    waiting = await desk.database.read(lambda c: waiting_charges(c, desk.tenant_id, "", FIRST, 10))
    locks: dict[str, Lock] = {
        each.hex(): partial(lock_charges, charge_ids=[each]) for each in waiting
    }
    assert len(locks) == len(owners)
    assert not await _taken_while_it_waits(
        charging, owners, locks, lambda uow: retry_part(uow, desk.tariffs, desk.tenant_id, "")
    )
