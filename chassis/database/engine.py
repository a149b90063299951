"""A service's database: SQLite in one file, or PostgreSQL; transactions run on worker threads.

Business code is synchronous inside a transaction. One thread hop for each transaction is cheaper
than one for each statement, and a batch is written without handing control back in between.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from chassis.database.direct import driver_cursor
from chassis.database.error_texts import hide_values_of_statement
from chassis.database.unit_of_work import UnitOfWork
from chassis.database.workers import KeptConnection, Workers

T = TypeVar("T")

PRIVATE_FILE_MODE = 0o600
SQLITE_READER_THREADS = 4
POSTGRESQL_WRITER_THREADS = 12
POSTGRESQL_READER_THREADS = 8
SQLITE_BUSY_TIMEOUT_MS = 10_000
TRANSACTION_REPETITIONS_MAX = 6
RETRY_WAIT_SECONDS_MAX = 2.0

# A transaction that does nothing for so long hangs; its locks, as of an outbox head, end with it.
IDLE_TRANSACTION_MS_MAX = 60_000
# A peer that the network has lost is noticed after so long; without this, hours.
UNANSWERED_MS_MAX = 20_000
KEEPALIVE_IDLE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5

# What a database does for a while, whoever asks.
DATABASE_ERRORS = (OperationalError, InterfaceError)

# Serialisation failure, deadlock, lock not available, server shutting down, connection lost.
_RETRIED_SQLSTATES = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08006", "08003"}


class DatabaseInUseError(RuntimeError):
    """Another process has this SQLite file open."""


class Database:
    """The one database of a service."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.dialect = "sqlite" if url.drivername.startswith("sqlite") else "postgresql"
        self._commit_listeners: list[Callable[[], None]] = []
        self._lock_file = _lock_sqlite_file(url) if self.dialect == "sqlite" else None
        sqlite = self.dialect == "sqlite"
        writers = 1 if sqlite else POSTGRESQL_WRITER_THREADS
        readers = SQLITE_READER_THREADS if sqlite else POSTGRESQL_READER_THREADS
        self.engine = _engine(url, "BEGIN IMMEDIATE")
        self._writers = Workers(self.engine, writers, "database-write")
        read_engine = _engine(url, "BEGIN", read_only=True)
        self._readers = Workers(read_engine, readers, "database-read")

    @classmethod
    def open(cls, url: str) -> "Database":
        """Open a database by URL: `sqlite:///path/to/file` or `postgresql://user@host/name`.

        Raises:
            DatabaseInUseError: another process has the SQLite file open.
            ValueError: the URL is of another kind.
        """
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "postgresql":
            return cls(parsed.set(drivername="postgresql+psycopg"))
        if backend == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            # SQLite gives its other files the mode of this one.
            Path(parsed.database).touch(mode=PRIVATE_FILE_MODE)
            return cls(parsed.set(drivername="sqlite"))
        raise ValueError(
            f"DATABASE_URL {parsed!r}: use sqlite:///file or postgresql://user@host/name"
        )

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every commit that left events in the outbox, from any thread."""
        self._commit_listeners.append(listener)

    async def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in one transaction and commit it; repeat it whole when the database asks.

        `work` may run more than once, so it has no effects outside the database.
        """
        return await self._writers.run(partial(self._write, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot that cannot write."""
        return await self._readers.run(partial(_read, work))

    def close(self) -> None:
        """Finish what runs, then let go of every connection and of the file."""
        self._writers.close()
        self._readers.close()
        if self._lock_file is not None:
            os.close(self._lock_file)

    def _write(self, work: Callable[[UnitOfWork], T], kept: KeptConnection) -> T:
        unit_of_work, result = _repeated(partial(_write, work, kept))
        unit_of_work.committed()
        if unit_of_work.has_events:
            for listener in self._commit_listeners:
                listener()
        return result


def _write(work: Callable[[UnitOfWork], T], kept: KeptConnection) -> tuple[UnitOfWork, T]:
    with kept.transaction() as connection:
        unit_of_work = UnitOfWork(connection)
        return unit_of_work, work(unit_of_work)


def _read(work: Callable[[Connection], T], kept: KeptConnection) -> T:
    def transaction() -> T:
        with kept.transaction() as connection:
            return work(connection)

    return _repeated(transaction)


def _repeated(transaction: Callable[[], T]) -> T:
    """Run a transaction, and again when the database asks; retrying costs only what fails."""
    try:
        return transaction()
    except DBAPIError as error:
        if not _is_worth_repeating(error):
            raise
    return Retrying(
        retry=retry_if_exception(_is_worth_repeating),
        stop=stop_after_attempt(TRANSACTION_REPETITIONS_MAX),
        wait=wait_random_exponential(multiplier=0.02, max=RETRY_WAIT_SECONDS_MAX),
        reraise=True,
    )(transaction)


def _is_worth_repeating(error: BaseException) -> bool:
    """Tell passing trouble of the database from a fault of the statement.

    A commit whose answer was lost is repeated too: inbox, request and identity keys, written in the
    same transaction, keep the repetition from having a second effect.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    # The server says why, unless it could not be reached at all.
    is_unreachable = isinstance(error.orig, psycopg.OperationalError) and not error.orig.sqlstate
    return is_unreachable or getattr(error.orig, "sqlstate", None) in _RETRIED_SQLSTATES


def _engine(url: URL, begin: str, read_only: bool = False) -> Engine:
    """An engine whose errors tell neither parameters nor rows: logs have no telephone numbers.

    It has no pool: threads keep their connections.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, begin, read_only)
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
    if read_only:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    engine = create_engine(
        url,
        poolclass=NullPool,
        execution_options=options,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
            "keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
            "tcp_user_timeout": UNANSWERED_MS_MAX,
            "options": f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS_MAX}",
        },
    )
    event.listen(engine, "handle_error", hide_values_of_statement)
    return engine


def _sqlite_engine(url: URL, begin: str, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        # Threads keep their connections, and another closes them at the end.
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own implicit transactions begin too late for BEGIN IMMEDIATE.
        connection.isolation_level = None
        for pragma in _sqlite_pragmas(read_only):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # Not as a statement of SQLAlchemy, which costs more than all else of a small transaction.
        with driver_cursor(connection, begin) as cursor:
            cursor.execute(begin)

    return engine


def _sqlite_pragmas(read_only: bool) -> Iterator[str]:
    yield f"busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}"
    yield "journal_mode = WAL"
    yield "synchronous = FULL"
    yield "foreign_keys = ON"
    yield "temp_store = MEMORY"
    yield "cache_size = -65536"
    if read_only:
        yield "query_only = ON"


def _lock_sqlite_file(url: URL) -> int:
    """Hold the file for this process: a second writer would only see SQLITE_BUSY, now and then."""
    path = f"{url.database}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.closing(os.fdopen(handle)):
            raise DatabaseInUseError(
                f"{url.database} is open in another process; stop it, or set DATABASE_URL to a "
                "PostgreSQL database, which any number of processes can share"
            ) from None
    return handle
