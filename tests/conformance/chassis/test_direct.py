"""Statements that go to the driver itself answer as SQLAlchemy's own would."""

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from chassis.database.bulk import insert_rows
from chassis.database.direct import PADDED_KEYS_MAX, Direct
from chassis.database.engine import Database
from chassis.database.schema import inbox_table
from chassis.database.unit_of_work import UnitOfWork

COLUMNS = ["producer", "partition", "sequence", "body_digest", "apply_time"]
COUNT = PADDED_KEYS_MAX + 1
_inbox = inbox_table.c
FIND = Direct(
    select(_inbox.sequence, _inbox.body_digest)
    .where(
        _inbox.producer == bindparam("producer"),
        _inbox.sequence.in_(bindparam("sequences", expanding=True)),
    )
    .order_by(_inbox.sequence)
    .with_for_update()
)
MOVE = Direct(
    update(inbox_table)
    .where(_inbox.sequence == bindparam("of_sequence"))
    .values(apply_time=bindparam("moved"))
)


def fill(unit_of_work: UnitOfWork) -> None:
    """As many rows as the longest list that is filled up, and one."""
    rows = [("rating", 0, sequence, bytes(16), 0) for sequence in range(1, COUNT + 1)]
    insert_rows(unit_of_work.connection, inbox_table, COLUMNS, rows)


@pytest.mark.parametrize("length", [0, 1, 3, 4, PADDED_KEYS_MAX, COUNT])
async def test_a_list_of_any_length_finds_its_rows_once_each(
    database: Database, length: int
) -> None:
    """Lists are filled up to a length that the driver knows; nobody sees it."""
    await database.write(fill)
    keys = {"producer": "rating", "sequences": list(range(1, length + 1))}
    rows = await database.write(lambda uow: FIND.rows(uow.connection, keys))
    assert rows == [(sequence, bytes(16)) for sequence in range(1, length + 1)]


async def test_many_changes_are_counted(database: Database) -> None:
    """A change of a row that is not there counts for nothing."""
    await database.write(fill)
    changes = [{"of_sequence": sequence, "moved": 7} for sequence in (1, 2, COUNT + 1)]
    assert await database.write(lambda uow: MOVE.run_many(uow.connection, changes)) == 2


async def test_errors_of_the_driver_are_those_of_sqlalchemy(database: Database) -> None:
    """Whoever tells a taken key from other trouble need not know the driver."""
    await database.write(fill)
    with pytest.raises(IntegrityError):
        await database.write(fill)
