"""Loading many rows at once, the fastest way that each database has.

Rows hold stored values (times as microseconds, keys as bytes): column types do not convert them.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any
from zlib import crc32

from psycopg import adapters
from psycopg.postgres import types as types_by_name
from psycopg.types.string import BytesBinaryDumper
from sqlalchemy import BigInteger, Connection, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator, TypeEngine

from chassis.database.direct import Row, driver_cursor

# SQLite takes at most 32,766 parameters in a statement.
LOOKUP_PARAMETERS_MAX = 8_000
# So few go to PostgreSQL sooner as statements that it has prepared than by COPY.
FEW_ROWS = 2
# More than there are tables and ways to fill them.
STATEMENTS_CACHED_MAX = 500

# What writes a column of a COPY is found by its type, and for bytea the last that was registered:
# so far DB-API's Binary, written in Python.
adapters.register_dumper(bytes, BytesBinaryDumper)


def _bytes_as_text(value: bytes) -> str:
    return f"\\x{value.hex()}"


_document = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, default=_bytes_as_text
).encode


def insert_rows(
    connection: Connection, table: Table, column_names: Sequence[str], rows: Iterable[Row]
) -> None:
    """Insert rows that are known to be new.

    Where it takes long to make them, give what makes them: PostgreSQL takes in the first meanwhile.

    Raises:
        sqlalchemy.exc.IntegrityError: a row's key is there already.
    """
    if connection.dialect.name != "postgresql":
        _run_many(connection, _insert_sql(table, tuple(column_names), "?"), rows)
        return
    remaining = iter(rows)
    first = list(islice(remaining, FEW_ROWS + 1))
    if len(first) > FEW_ROWS:
        _copy(connection, table.name, table, column_names, chain(first, remaining))
    else:
        _insert_few(connection, _insert_sql(table, tuple(column_names), "%s"), first)


def upsert_rows(
    connection: Connection, table: Table, column_names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert a few rows, or overwrite those that have their primary key."""
    with_document, with_rows = _upsert_sql(table, tuple(column_names))
    write_rows(connection, column_names, rows, with_document, with_rows)


def update_rows(
    connection: Connection, table: Table, column_names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Change a few rows by their primary key, whose columns come last, in its order."""
    with_document, with_rows = _update_sql(table, tuple(column_names))
    write_rows(connection, column_names, rows, with_document, with_rows)


def write_rows(
    connection: Connection,
    column_names: Sequence[str],
    rows: Sequence[Row],
    with_document: str,
    with_rows: str,
) -> None:
    """Run a statement for a few rows.

    PostgreSQL gets them as one document, whose `recordset` the statement reads: one message, where
    its driver would send one for each row.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        document = _document([dict(zip(column_names, row, strict=True)) for row in rows])
        with driver_cursor(connection, with_document) as cursor:
            cursor.execute(with_document, (document,))
    else:
        _run_many(connection, with_rows, rows)


def recordset(table: Table, column_names: Iterable[str]) -> str:
    """What a statement of `write_rows` reads from on PostgreSQL; its rows are called `new`."""
    typed = ", ".join(f'"{name}" {_postgresql_type(table.c[name].type)}' for name in column_names)
    return f"json_to_recordset(%s) AS new ({typed})"


@lru_cache(maxsize=STATEMENTS_CACHED_MAX)
def _upsert_sql(table: Table, column_names: tuple[str, ...]) -> tuple[str, str]:
    key = [column.name for column in table.primary_key]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in column_names if name not in key)
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    columns = ", ".join(f'"{name}"' for name in column_names)
    told = f"SELECT {columns} FROM {recordset(table, column_names)}"  # noqa: S608 our own names
    return (
        f'INSERT INTO "{table.name}" ({columns}) {told} {conflict}',
        f"{_insert_sql(table, column_names, '?')} {conflict}",
    )


@lru_cache(maxsize=STATEMENTS_CACHED_MAX)
def _update_sql(table: Table, column_names: tuple[str, ...]) -> tuple[str, str]:
    key = [column.name for column in table.primary_key]
    changed, last = column_names[: -len(key)], column_names[-len(key) :]
    assert [*last] == key, "the key comes last"
    new = ", ".join(f'"{name}" = new."{name}"' for name in changed)
    same = " AND ".join(f'known."{name}" = new."{name}"' for name in key)
    given = ", ".join(f'"{name}" = ?' for name in changed)
    found = " AND ".join(f'"{name}" = ?' for name in key)
    source = recordset(table, column_names)
    return (
        f'UPDATE "{table.name}" AS known SET {new} FROM {source} WHERE {same}',  # noqa: S608 our own names
        f'UPDATE "{table.name}" SET {given} WHERE {found}',  # noqa: S608 our own names
    )


def insert_ignoring_known(
    connection: Connection,
    table: Table,
    column_names: Sequence[str],
    rows: Sequence[Row],
    key: Sequence[str],
) -> list[Row]:
    """Insert the rows whose key is not there yet and return the keys that were inserted.

    The keys of `rows` must be distinct. Correct with any number of concurrent writers.
    """
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        return _copy_ignoring_known(connection, table, column_names, rows, key)
    return _insert_ignoring_known_sqlite(connection, table, column_names, rows, key)


@lru_cache(maxsize=STATEMENTS_CACHED_MAX)
def _insert_sql(table: Table, column_names: tuple[str, ...], mark: str) -> str:
    columns = ", ".join(f'"{name}"' for name in column_names)
    marks = ", ".join(mark for _ in column_names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 our own names


def _insert_ignoring_known_sqlite(
    connection: Connection,
    table: Table,
    column_names: Sequence[str],
    rows: Sequence[Row],
    key: Sequence[str],
) -> list[Row]:
    positions = [column_names.index(name) for name in key]
    keys = [tuple(row[position] for position in positions) for row in rows]
    # Most batches are new as a whole: try that first, look keys up only when it fails.
    savepoint = connection.begin_nested()
    try:
        insert_rows(connection, table, column_names, rows)
        savepoint.commit()
    except IntegrityError:
        savepoint.rollback()
    else:
        return keys
    known = _known_keys(connection, table, key, keys)
    new = [(row, row_key) for row, row_key in zip(rows, keys, strict=True) if row_key not in known]
    insert_rows(connection, table, column_names, [row for row, _ in new])
    return [row_key for _, row_key in new]


def _known_keys(
    connection: Connection, table: Table, key: Sequence[str], keys: Sequence[Row]
) -> set[Row]:
    columns = ", ".join(f'"{name}"' for name in key)
    mark = "(" + ", ".join("?" for _ in key) + ")"
    known: set[Row] = set()
    remaining = iter(keys)
    while chunk := list(islice(remaining, LOOKUP_PARAMETERS_MAX // len(key))):
        marks = ", ".join(mark for _ in chunk)
        query = (
            f'SELECT {columns} FROM "{table.name}" '  # noqa: S608 our own names
            f"WHERE ({columns}) IN (VALUES {marks})"
        )
        parameters = tuple(value for row_key in chunk for value in row_key)
        known.update(tuple(row) for row in connection.exec_driver_sql(query, parameters))
    return known


def _run_many(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    with driver_cursor(connection, statement) as cursor:
        cursor.executemany(statement, rows)


def _insert_few(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    with driver_cursor(connection, statement) as cursor:
        for row in rows:
            cursor.execute(statement, row)


def _copy(
    connection: Connection,
    target: str,
    table: Table,
    column_names: Sequence[str],
    rows: Iterable[Row],
) -> None:
    statement, types = _copy_sql(target, table, tuple(column_names))
    with driver_cursor(connection, statement) as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


@lru_cache(maxsize=STATEMENTS_CACHED_MAX)
def _copy_sql(target: str, table: Table, column_names: tuple[str, ...]) -> tuple[str, list[int]]:
    columns = ", ".join(f'"{name}"' for name in column_names)
    types = [types_by_name[_postgresql_type(table.c[name].type)].oid for name in column_names]
    return f'COPY "{target}" ({columns}) FROM STDIN (FORMAT BINARY)', types


def _copy_ignoring_known(
    connection: Connection,
    table: Table,
    column_names: Sequence[str],
    rows: Sequence[Row],
    key: Sequence[str],
) -> list[Row]:
    columns = ", ".join(f'"{name}"' for name in column_names)
    keys = ", ".join(f'"{name}"' for name in key)
    # One staging table for each shape of rows; it lives as long as the connection.
    staging = f"staging_{table.name}_{crc32(columns.encode()):08x}"
    shape = f'SELECT {columns} FROM "{table.name}" WITH NO DATA'  # noqa: S608 our own names
    connection.exec_driver_sql(
        f'CREATE TEMP TABLE IF NOT EXISTS "{staging}" ON COMMIT DELETE ROWS AS {shape}'
    )
    connection.exec_driver_sql(f'TRUNCATE "{staging}"')
    _copy(connection, staging, table, column_names, rows)
    new_rows = f'SELECT {columns} FROM "{staging}" ORDER BY {keys}'  # noqa: S608 our own names
    inserted = connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({columns}) {new_rows} '
        f"ON CONFLICT ({keys}) DO NOTHING RETURNING {keys}"
    )
    return [tuple(row) for row in inserted]


def _postgresql_type(column_type: TypeEngine[Any]) -> str:
    stored = column_type.impl if isinstance(column_type, TypeDecorator) else column_type
    for kind, name in _POSTGRESQL_TYPES:
        if isinstance(stored, kind):
            return name
    raise TypeError(f"no binary COPY type for {column_type!r}; add it to _POSTGRESQL_TYPES")


_POSTGRESQL_TYPES: list[tuple[type[TypeEngine[Any]], str]] = [
    (BigInteger, "int8"),
    (SmallInteger, "int2"),
    (Integer, "int4"),
    (LargeBinary, "bytea"),
    (Text, "text"),
]
