"""Replicas that charge at once never wait for each other in a circle (on PostgreSQL)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charging.requests import CloseRequest
from services.rating.store.counters import lock_owners
from services.rating.usecases.charging.settle_sessions import Closing, settle_sessions
from tests.conformance.rating.charging_desk import EURO, ChargingDesk
from tests.conformance.rating.desk import BEGINNING, seconds_later
from tests.conformance.rating.test_counters import minutes
from tests.unit.rating.live_calls import Purse

_WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


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


async def _locks_while_it_waits(
    charging: ChargingDesk, held: str, owners: Sequence[str], work: Callable[[UnitOfWork], Any]
) -> set[str]:
    """Whose counters a transaction has taken already when it comes to those that are held."""
    desk = charging.desk
    with desk.database.engine.begin() as other:
        lock_owners(other, desk.tenant_id, [held])
        waiting = asyncio.create_task(desk.database.write(_undone(work)))
        async with asyncio.timeout(10):
            while not other.execute(_WAITING).scalar_one():
                await asyncio.sleep(0.01)
        taken = {each for each in owners if each != held and _is_taken(other, desk.tenant_id, each)}
    with pytest.raises(_UndoneError):
        await waiting
    return taken


class _UndoneError(Exception):
    """What a transaction did was only a try."""


def _undone(work: Callable[[UnitOfWork], Any]) -> Callable[[UnitOfWork], None]:
    def run(uow: UnitOfWork) -> None:
        work(uow)
        raise _UndoneError

    return run


def _is_taken(connection: Connection, tenant_id: str, owner_id: str) -> bool:
    with connection.begin_nested() as tried:
        connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
        try:
            lock_owners(connection, tenant_id, [owner_id])
        except OperationalError:
            return True
        finally:
            tried.rollback()
    return False


async def _orders(
    charging: ChargingDesk, owners: list[str], work: Callable[[UnitOfWork], Any]
) -> list[set[str]]:
    """What a transaction has when it comes to each owner's counters."""
    return [await _locks_while_it_waits(charging, held, owners, work) for held in owners]


async def test_ends_lock_counters_in_one_order_in_whatever_order_they_come(
    charging: ChargingDesk, owners: list[str]
) -> None:
    """Of accounts with bundles, some calls have units set aside, and some nobody opened."""
    desk = charging.desk
    ends = [CloseRequest(each, 1_000, True, call=charging.call(account_id=each)) for each in owners]
    for end in ends[:2]:
        await charging.open(end.session_id, end.call)

    def closing(order: Sequence[CloseRequest]) -> Callable[[UnitOfWork], Any]:
        closings = list(map(Closing, order))
        return lambda uow: settle_sessions(uow, desk.tariffs, desk.tenant_id, closings, {})

    found = await _orders(charging, owners, closing(ends))
    assert sorted(map(len, found)) == [0, 1, 2]
    assert await _orders(charging, owners, closing(ends[::-1])) == found
