"""Statements of hot paths: SQLAlchemy writes them once, the driver's own cursor executes them.

A lookup by key costs SQLAlchemy several times what it costs the database, for contexts and metadata
that a few tuples do not need. Parameters and rows hold stored values (times as microseconds, keys
as bytes): column types do not convert them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import CompilerElement

from chassis.database.error_texts import hide_values

Row = tuple[Any, ...]

# Lists up to this length are filled up to a power of two, so that few texts are ever prepared.
PADDED_KEYS_MAX = 1_024

# Both drivers take parameters by their places.
_POSTGRESQL = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]


class Direct:
    """A statement of ours. Its lists are `bindparam(..., expanding=True)` under IN."""

    def __init__(self, statement: CompilerElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Row]:
        """Execute it once and return what it answers."""
        text = self._text(connection)
        sql, values = text.bound(parameters)
        with driver_cursor(connection, sql, text.new_cursor) as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Execute it once; returns how many rows it changed."""
        text = self._text(connection)
        sql, values = text.bound(parameters)
        with driver_cursor(connection, sql, text.new_cursor) as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute it once for each of these parameters; returns how many rows it changed."""
        if not rows:
            return 0
        text = self._text(connection)
        with driver_cursor(connection, text.sql, text.new_cursor) as cursor:
            if len(rows) == 1:
                cursor.execute(text.sql, text.values(rows[0]))
            else:
                cursor.executemany(text.sql, [text.values(row) for row in rows])
            return int(cursor.rowcount)

    def _text(self, connection: Connection) -> "_Text":
        dialect = connection.dialect
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = _Text(self._statement, dialect)
        return text


class _Text:
    """A statement as one database's driver takes it, its parameters in their order."""

    def __init__(self, statement: CompilerElement, dialect: Dialect) -> None:
        is_postgresql = dialect.name == "postgresql"
        positional = _POSTGRESQL if is_postgresql else dialect
        compiled: Any = statement.compile(dialect=positional)
        self.new_cursor = RawCursor if is_postgresql else _usual_cursor
        self._finished = _numbered if is_postgresql else str
        self._mark = "%s" if is_postgresql else "?"
        self._unfinished: str = compiled.string
        self.sql = self._finished(self._unfinished)
        self._names: list[str] = compiled.positiontup
        self._constants = {k: v for k, v in compiled.params.items() if v is not None}
        self._lists = [name for name in self._names if compiled.binds[name].expanding]
        self._by_sizes: dict[tuple[int, ...], str] = {}

    def values(self, parameters: Mapping[str, Any]) -> Row:
        """The parameters of a statement without lists, in their order."""
        given = {**self._constants, **parameters} if self._constants else parameters
        return tuple([given[name] for name in self._names])

    def bound(self, parameters: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
        """The text with as many marks as there are values, and the values."""
        if not self._lists:
            return self.sql, self.values(parameters)
        lists = {name: _padded(parameters[name]) for name in self._lists}
        values: list[Any] = []
        for name in self._names:
            if name in lists:
                values += lists[name]
            else:
                values.append(parameters.get(name, self._constants.get(name)))
        return self._sized(lists), values

    def _sized(self, lists: Mapping[str, Sequence[Any]]) -> str:
        sizes = tuple(map(len, lists.values()))
        sql = self._by_sizes.get(sizes)
        if sql is None:
            sql = self._unfinished
            for name, size in zip(lists, sizes, strict=True):
                sql = sql.replace(f"__[POSTCOMPILE_{name}]", ", ".join([self._mark] * size))
            sql = self._finished(sql)
            if max(sizes) <= PADDED_KEYS_MAX:
                self._by_sizes[sizes] = sql
        return sql


def _padded(keys: Sequence[Any]) -> Sequence[Any]:
    """Keys with the last repeated; nothing is IN (NULL)."""
    count = len(keys)
    if not count:
        return [None]
    if count > PADDED_KEYS_MAX:
        return keys
    return [*keys, *[keys[-1]] * ((1 << (count - 1).bit_length()) - count)]


def _numbered(sql: str) -> str:
    """A text with marks as PostgreSQL itself takes it: its driver parses other long ones anew."""
    numbers = count(1)
    return re.sub("%[s%]", lambda mark: "%" if mark[0] == "%%" else f"${next(numbers)}", sql)


def _usual_cursor(dbapi_connection: Any) -> Any:
    return dbapi_connection.cursor()


@contextmanager
def driver_cursor(
    connection: Connection, statement: str, new_cursor: Callable[[Any], Any] = _usual_cursor
) -> Iterator[Any]:
    """A cursor of the driver, whose errors take the form that SQLAlchemy gives them."""
    cursor = new_cursor(connection.connection.dbapi_connection)
    try:
        yield cursor
    except connection.dialect.loaded_dbapi.Error as error:
        hide_values(error)
        raise _as_sqlalchemy_raises(connection, statement, error) from error
    finally:
        cursor.close()


def _as_sqlalchemy_raises(
    connection: Connection, statement: str, error: Exception
) -> BaseException:
    """Give the driver's error the form that every other statement's has, so that it is retried."""
    dialect = connection.dialect
    dbapi_connection: Any = connection.connection.dbapi_connection
    is_lost = dialect.is_disconnect(error, dbapi_connection, None)  # type: ignore[arg-type]
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        statement,
        None,
        error,
        dialect.loaded_dbapi.Error,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
