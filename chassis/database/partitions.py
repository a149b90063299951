"""Time partitions of large tables on PostgreSQL: one for each month, made before it begins.

A large table's key begins with the time of the call (kernel.ids.time_key), so a month is a range of
keys. What belongs to no month that was made in time, such as history that is imported later, is in
the default partition. SQLite has no partitions and does without.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.engine import Database
from chassis.database.migrations import MigrationOperations
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros

MONTHS_AHEAD = 3
CHECK_INTERVAL_SECONDS = 24 * 3600
KEY_BYTES = 16
TIME_BYTES = 6


_logger = logging.getLogger(__name__)


async def keep_partitions(database: Database, tables: Mapping[str, str]) -> None:
    """Make the coming months' partitions of tables (name: key column), now and every day."""
    while True:
        for table, column in tables.items():
            try:
                await database.write(partial(_create_for, table=table, column=column))
            except SQLAlchemyError as error:
                # Another replica may have made it; without one, rows go to the default partition.
                _logger.warning("partitions of %s were not made: %r", table, error)
        await asyncio.sleep(CHECK_INTERVAL_SECONDS)


def _create_for(unit_of_work: UnitOfWork, table: str, column: str) -> None:
    create_coming_partitions(unit_of_work.connection, table, column, unit_of_work.now)


def partition_by(column: str) -> dict[str, Any]:
    """Return the options with which a migration creates a table in partitions by a key."""
    return {"postgresql_partition_by": f"RANGE ({column})"}


def create_default_partition(op: MigrationOperations, table: str) -> None:
    """Create the partition for what belongs to no month that was made in time."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(
            sa.text(f'CREATE TABLE "{table}_default" PARTITION OF "{table}" DEFAULT')
        )


def create_coming_partitions(
    connection: sa.Connection, table: str, column: str, now: datetime
) -> list[str]:
    """Create what is missing for this month and the next ones; return the partitions' names.

    A month whose rows have begun to arrive in the default partition stays there.
    """
    if connection.dialect.name != "postgresql":
        return []
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    created = []
    for _ in range(MONTHS_AHEAD + 1):
        following = _month_after(month)
        name = f"{table}_{month:%Y_%m}"
        if not _exists(connection, name) and not _has_rows(
            connection, f"{table}_default", column, _first_key(month), _first_key(following)
        ):
            _create(connection, table, name, _first_key(month), _first_key(following))
            created.append(name)
        month = following
    return created


def _month_after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _first_key(moment: datetime) -> bytes:
    """Return the smallest key of a moment."""
    milliseconds = to_micros(moment) // 1_000
    return milliseconds.to_bytes(TIME_BYTES, "big") + bytes(KEY_BYTES - TIME_BYTES)


def _exists(connection: sa.Connection, name: str) -> bool:
    query = sa.text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.execute(query, {"name": f'"{name}"'}).scalar_one())


def _has_rows(connection: sa.Connection, table: str, column: str, first: bytes, end: bytes) -> bool:
    query = sa.text(
        f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE "{column}" >= :first AND "{column}" < :end)'  # noqa: S608 our own names
    )
    return bool(connection.execute(query, {"first": first, "end": end}).scalar_one())


def _create(connection: sa.Connection, table: str, name: str, first: bytes, end: bytes) -> None:
    # Bounds of partitions are literals; these are our own hexadecimal digits.
    connection.execute(
        sa.text(
            f'CREATE TABLE "{name}" PARTITION OF "{table}" '
            f"FOR VALUES FROM ('\\x{first.hex()}') TO ('\\x{end.hex()}')"
        )
    )
