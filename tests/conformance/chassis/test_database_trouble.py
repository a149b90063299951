"""Transactions survive what happens to databases: lost connections, deadlocks, a server away."""

import asyncio
import stat
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from chassis.bus import outbox
from chassis.database.bulk import insert_ignoring_known, insert_rows
from chassis.database.engine import DATABASE_ERRORS, Database
from chassis.database.unit_of_work import UnitOfWork
from deploy.local.ports import free_port
from tests.conformance.chassis.conftest import thing_table
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

COLUMNS = ("thing_id", "revision", "micros", "note")
KEY = ("thing_id", "revision")
THING = (bytes(16), 1, 5, "note")
MEETING_SECONDS_MAX = 10
PATIENCE_SECONDS = 0.05

Load = Callable[[UnitOfWork], object]


def load_new(unit_of_work: UnitOfWork) -> None:
    insert_rows(unit_of_work.connection, thing_table, COLUMNS, [THING])


def load_unknown(unit_of_work: UnitOfWork) -> object:
    return insert_ignoring_known(unit_of_work.connection, thing_table, COLUMNS, [THING], KEY)


@pytest.mark.parametrize("load", [load_new, load_unknown])
async def test_a_bulk_load_whose_connection_is_lost_is_repeated(
    database: Database, load: Load
) -> None:
    """A PostgreSQL that restarts in the middle of a batch costs a retry, not the batch."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has no connection to lose")
    attempts = 0

    def work(unit_of_work: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            terminate(database, unit_of_work)
        load(unit_of_work)

    await database.write(work)
    count = sa.select(sa.func.count()).select_from(thing_table)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 1
    assert attempts == 2


async def test_a_connection_that_was_lost_while_nobody_used_it_is_replaced(
    database: Database,
) -> None:
    """A PostgreSQL that restarts in a quiet hour is not noticed by the first call after it."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has no connection to lose")
    query = sa.text("SELECT pg_backend_pid()")
    first = await database.read(lambda c: c.execute(query).scalar_one())
    with database.engine.connect() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": first})
    assert await database.read(lambda c: c.execute(query).scalar_one()) != first


async def test_work_that_nobody_waits_for_is_not_begun(database: Database) -> None:
    """A caller that has given up while others were served costs the database nothing."""
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL has several writers at once")
    may_end = threading.Event()
    running = asyncio.create_task(database.write(lambda _: may_end.wait(MEETING_SECONDS_MAX)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(database.write(load_new), PATIENCE_SECONDS)
    may_end.set()
    assert await running
    count = sa.select(sa.func.count()).select_from(thing_table)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 0


async def test_a_bulk_load_of_a_known_key_is_an_integrity_error(database: Database) -> None:
    """Whatever way rows are loaded, a broken key has the same name."""
    await database.write(load_new)
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(load_new)


async def test_transactions_that_lock_partitions_crosswise_both_commit(database: Database) -> None:
    """One of two transactions in a deadlock is repeated, and nobody outside notices."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    locked = {1: threading.Event(), 2: threading.Event()}

    def publish(unit_of_work: UnitOfWork, first: int, second: int) -> None:
        unit_of_work.publish(AccountBlocked(account_id="a"), "aurora", first)
        locked[first].set()
        assert locked[second].wait(MEETING_SECONDS_MAX)
        unit_of_work.publish(AccountBlocked(account_id="b"), "aurora", second)

    await asyncio.gather(
        database.write(partial(publish, first=1, second=2)),
        database.write(partial(publish, first=2, second=1)),
    )
    for partition in (1, 2):
        log = await database.read(partial(outbox.backlog, partitions=[partition]))
        assert [event.sequence for event in log.next[partition]] == [1, 2]


async def test_a_transaction_that_hangs_gives_its_locks_back(database: Database) -> None:
    """A stopped process cannot keep a partition's head locked against all replicas."""
    if database.dialect != "postgresql":
        pytest.skip("a SQLite file has one process")
    show = sa.text("SHOW idle_in_transaction_session_timeout")
    limit = await database.write(lambda uow: uow.connection.execute(show).scalar_one())
    assert limit == "1min"


async def test_a_server_that_is_away_is_told_from_a_bug() -> None:
    """Callers and consumers wait for it instead of giving the request or the event up."""
    database = Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    with pytest.raises(DATABASE_ERRORS):
        await database.read(lambda c: c.execute(sa.text("SELECT 1")))
    database.close()


def test_only_the_owner_can_read_a_database_file(tmp_path: Path) -> None:
    """Customers' data is not readable by every account of the machine."""
    file = tmp_path / "invoice.sqlite3"
    database = Database.open(f"sqlite:///{file}")
    with database.engine.begin() as connection:
        thing_table.create(connection)
        modes = {p.name: stat.filemode(p.stat().st_mode) for p in tmp_path.iterdir()}
    database.close()
    assert set(modes) >= {"invoice.sqlite3", "invoice.sqlite3-wal", "invoice.sqlite3.lock"}
    assert set(modes.values()) == {"-rw-------"}


def terminate(database: Database, unit_of_work: UnitOfWork) -> None:
    """End a transaction's connection on the server, as a restart does."""
    query = sa.text("SELECT pg_backend_pid()")
    backend = unit_of_work.connection.execute(query).scalar_one()
    with database.engine.connect() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
