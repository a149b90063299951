"""Large tables are in monthly parts on PostgreSQL, and rows find their part by themselves."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from chassis.database.columns import Key16
from chassis.database.engine import Database
from chassis.database.partitions import (
    create_coming_partitions,
    create_default_partition,
    partition_by,
)
from kernel.ids import time_key

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MONTHS = ["big_2026_11", "big_2026_12", "big_2027_01", "big_2027_02"]


@pytest.fixture
async def big(database: Database) -> Database:
    """A database with one table in partitions."""
    with database.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.create_table("big", sa.Column("key", Key16, primary_key=True), **partition_by("key"))
        create_default_partition(op, "big")
    return database


async def make_months(database: Database, now: datetime = NOW) -> list[str]:
    return await database.write(
        lambda uow: create_coming_partitions(uow.connection, "big", "key", now)
    )


async def put(database: Database, moment: datetime) -> None:
    statement = sa.text("INSERT INTO big (key) VALUES (:key)")
    key = time_key(moment, "a call")
    await database.write(lambda uow: uow.connection.execute(statement, {"key": key}))


async def part_of(database: Database, moment: datetime) -> str:
    query = sa.text("SELECT tableoid::regclass::text FROM big WHERE key = :key")
    key = time_key(moment, "a call")
    return await database.read(lambda c: str(c.execute(query, {"key": key}).scalar_one()))


async def test_this_month_and_the_next_three_have_parts_of_their_own(big: Database) -> None:
    """Parts are made ahead, once; SQLite does without."""
    expected = MONTHS if big.dialect == "postgresql" else []
    assert await make_months(big) == expected
    assert await make_months(big) == []


async def test_a_row_is_in_the_part_of_its_month_to_the_millisecond(big: Database) -> None:
    """The last millisecond of November and the first of December are in different parts."""
    if big.dialect == "sqlite":
        pytest.skip("SQLite has no partitions")
    await make_months(big)
    last = datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC)
    first = datetime(2026, 12, 1, tzinfo=UTC)
    for moment in (last, first):
        await put(big, moment)
    assert await part_of(big, last) == "big_2026_11"
    assert await part_of(big, first) == "big_2026_12"


async def test_history_and_late_starts_lose_no_row(big: Database) -> None:
    """Rows of months without a part are in the default part, where they stay."""
    if big.dialect == "sqlite":
        pytest.skip("SQLite has no partitions")
    history, early = datetime(2019, 5, 1, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC)
    for moment in (history, early):
        await put(big, moment)
    assert await make_months(big) == [month for month in MONTHS if month != "big_2026_12"]
    assert await part_of(big, history) == "big_default"
    assert await part_of(big, early) == "big_default"
