"""Transactions mean the same on SQLite and on PostgreSQL."""

import asyncio
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from chassis.bus import outbox
from chassis.database.bulk import insert_ignoring_known, insert_rows
from chassis.database.engine import Database, DatabaseInUseError
from chassis.database.unit_of_work import EVENT_BYTES_MAX, EventPosition, UnitOfWork
from tests.conformance.chassis.conftest import thing_table
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

COLUMNS = ("thing_id", "revision", "micros", "note")
WRITERS = 20

Row = tuple[bytes, int, int, str | None]


def thing(number: int, note: str | None = None) -> Row:
    return (number.to_bytes(16, "big"), 1, number * 10**12, note)


async def stored(database: Database) -> list[Row]:
    query = sa.select(thing_table).order_by(thing_table.c.thing_id)
    return await database.read(lambda c: [tuple(row) for row in c.execute(query)])


async def test_state_and_its_event_commit_together_or_not_at_all(database: Database) -> None:
    """A use case that fails leaves neither its rows nor its events behind."""

    def fail(unit_of_work: UnitOfWork) -> None:
        insert_rows(unit_of_work.connection, thing_table, COLUMNS, [thing(1)])
        unit_of_work.publish(AccountBlocked(account_id="a"), "aurora", 3)
        raise ArithmeticError("changed my mind")

    with pytest.raises(ArithmeticError):
        await database.write(fail)
    assert await stored(database) == []
    assert await database.read(outbox.unpublished_count) == 0


async def test_the_error_of_a_statement_does_not_tell_its_parameters(database: Database) -> None:
    """They are telephone numbers and names, and errors go to the log."""
    statement = sa.text("SELECT 1 FROM missing WHERE caller = :caller")
    parameters = {"caller": "31201234567"}
    for failing in (
        database.read(lambda connection: connection.execute(statement, parameters)),
        database.write(lambda uow: uow.connection.execute(statement, parameters)),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="missing") as caught:
            await failing
        assert parameters["caller"] not in f"{caught.value}{caught.value!r}"


NUMBER = "31201234567"


def twice(unit_of_work: UnitOfWork) -> None:
    """The server tells the key that is there already."""
    of_number = NUMBER.encode(), 1, 1, "note"
    insert_rows(unit_of_work.connection, thing_table, COLUMNS, [of_number])
    insert_rows(unit_of_work.connection, thing_table, COLUMNS, [of_number])


def twice_by_copy(unit_of_work: UnitOfWork) -> None:
    """The server tells the key and the line."""
    rows = [(NUMBER.encode(), 1, 1, "note")] * 5
    insert_rows(unit_of_work.connection, thing_table, COLUMNS, rows)


def no_note_of(unit_of_work: UnitOfWork) -> None:
    """The server tells the row that lacks something."""
    row = {"thing_id": bytes(16), "revision": 1, "note": NUMBER}
    unit_of_work.connection.execute(thing_table.insert(), row)


def no_integer(unit_of_work: UnitOfWork) -> None:
    """The server tells the value that does not fit."""
    kind = "integer" if unit_of_work.connection.dialect.name == "postgresql" else "missing.kind"
    unit_of_work.connection.execute(sa.text(f"SELECT CAST(:it AS {kind})"), {"it": f"+{NUMBER}x"})


@pytest.mark.parametrize("work", [twice, twice_by_copy, no_note_of, no_integer])
async def test_the_error_of_a_row_does_not_tell_what_is_in_it(
    database: Database, work: Callable[[UnitOfWork], None]
) -> None:
    """Neither the error nor what led to it: a log shows both."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        await database.write(work)
    told = "".join(traceback.format_exception(caught.value))
    assert NUMBER not in told
    assert NUMBER.encode().hex() not in told


def test_a_database_url_that_nobody_understands_does_not_tell_its_password() -> None:
    """The start fails, and says why in the log."""
    with pytest.raises(ValueError, match="mysql") as caught:
        Database.open("mysql://tollbook:letmein@host/name")
    assert "letmein" not in str(caught.value)


async def test_what_is_to_follow_a_commit_follows_it_once_and_no_failure(
    database: Database,
) -> None:
    """It is done before whoever waits for the transaction goes on."""
    done: list[str] = []

    def note(unit_of_work: UnitOfWork, what: str) -> None:
        unit_of_work.after_commit(partial(done.append, what))
        if what == "failed":
            raise ArithmeticError("changed my mind")

    await database.write(lambda unit_of_work: note(unit_of_work, "committed"))
    with pytest.raises(ArithmeticError):
        await database.write(lambda unit_of_work: note(unit_of_work, "failed"))
    assert done == ["committed"]


async def test_events_are_numbered_without_gaps_in_the_order_of_commits(
    database: Database,
) -> None:
    """Concurrent writers to a partition never share, skip or swap numbers."""

    def publish(unit_of_work: UnitOfWork) -> EventPosition:
        return unit_of_work.publish(AccountBlocked(account_id="a"), "aurora", 5)

    positions = await asyncio.gather(*(database.write(publish) for _ in range(WRITERS)))
    assert sorted(position.sequence for position in positions) == list(range(1, WRITERS + 1))
    waiting = await database.read(lambda c: outbox.backlog(c, [5]))
    assert [event.sequence for event in waiting.next[5]] == list(range(1, WRITERS + 1))


async def test_an_event_larger_than_the_broker_takes_is_refused_before_commit(
    database: Database,
) -> None:
    """A batch that could never be published is an error where it is made."""
    event = AccountBlocked(reason="x" * (EVENT_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="split the batch"):
        await database.write(lambda uow: uow.publish(event, "aurora", 0))


async def test_a_reader_cannot_write(database: Database) -> None:
    """Queries run on a snapshot that refuses changes."""
    with pytest.raises(sa.exc.DBAPIError):
        await database.read(
            lambda c: c.execute(
                sa.insert(thing_table).values(dict(zip(COLUMNS, thing(1), strict=True)))
            )
        )


async def test_rows_loaded_in_bulk_are_read_back_exactly(database: Database) -> None:
    """Keys, the largest amounts and missing notes survive bulk loading."""
    rows = [thing(1), thing(2, "è tutto"), (b"\xff" * 16, 7, -(2**63), None)]
    await database.write(lambda uow: insert_rows(uow.connection, thing_table, COLUMNS, rows))
    assert await stored(database) == rows


async def test_loading_ignores_what_is_known_and_tells_what_was_new(database: Database) -> None:
    """Of two overlapping batches each row is kept once, as it came first."""
    first = [thing(number, "first") for number in range(10)]
    second = [thing(number, "second") for number in range(5, 15)]

    def load(unit_of_work: UnitOfWork, rows: list[Row]) -> list[tuple[bytes, int]]:
        key = ("thing_id", "revision")
        return insert_ignoring_known(unit_of_work.connection, thing_table, COLUMNS, rows, key)

    assert len(await database.write(partial(load, rows=first))) == 10
    new = await database.write(partial(load, rows=second))
    assert sorted(key for key, _ in new) == [row[0] for row in second[5:]]
    assert [row[3] for row in await stored(database)] == ["first"] * 10 + ["second"] * 5


async def test_concurrent_loads_of_the_same_rows_keep_each_once(database: Database) -> None:
    """Whoever comes first wins; nobody fails and nothing is doubled."""
    rows = [thing(number) for number in range(50)]

    def load(unit_of_work: UnitOfWork) -> int:
        key = ("thing_id", "revision")
        return len(insert_ignoring_known(unit_of_work.connection, thing_table, COLUMNS, rows, key))

    counts = await asyncio.gather(*(database.write(load) for _ in range(8)))
    assert sorted(counts) == [0] * 7 + [50]
    assert len(await stored(database)) == 50


def test_a_second_process_on_a_sqlite_file_is_refused(tmp_path: Path) -> None:
    """Two writers on one file would only meet as errors later, so the second says so at once."""
    url = f"sqlite:///{tmp_path / 'rating.sqlite3'}"
    first = Database.open(url)
    with pytest.raises(DatabaseInUseError, match="is open in another process"):
        Database.open(url)
    first.close()
    Database.open(url).close()


def test_a_database_of_another_kind_is_refused_with_the_way_out() -> None:
    """A URL that names no known database tells which ones do."""
    with pytest.raises(ValueError, match="sqlite:///file or postgresql://"):
        Database.open("mysql://root@localhost/billing")
