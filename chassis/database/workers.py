"""Threads that run transactions, each on a connection that it keeps.

A pool that lends connections would cost as much as a small transaction itself.
"""

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

# A connection that was not used for longer is tried first; a busy one would pay a round trip each
# time. One that is lost all the same is noticed by its next transaction, which is repeated.
UNTRIED_SECONDS_MAX = 1.0


class KeptConnection:
    """The connection of a thread; after an error of the database, it gets a new one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._idle_since = 0.0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit what is done inside, or nothing of it."""
        connection = self._working()
        try:
            with connection.begin():
                yield connection
        except DBAPIError:
            self.close()
            raise
        finally:
            self._idle_since = time.monotonic()

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _working(self) -> Connection:
        connection = self._connection
        if connection is not None:
            if time.monotonic() - self._idle_since <= UNTRIED_SECONDS_MAX or _answers(connection):
                return connection
            self.close()
        self._connection = self._engine.connect()
        return self._connection


def _answers(connection: Connection) -> bool:
    dbapi_connection: Any = connection.connection.dbapi_connection
    try:
        connection.dialect.do_ping(dbapi_connection)
    except connection.dialect.loaded_dbapi.Error:
        return False
    return True


class Workers:
    """Threads that run transactions, each on the connection that it keeps."""

    def __init__(self, engine: Engine, count: int, name: str) -> None:
        self._engine = engine
        self._of_thread = threading.local()
        self._connections: list[KeptConnection] = []
        self._threads = ThreadPoolExecutor(count, name, self._begin)

    async def run(self, work: Callable[[KeptConnection], T]) -> T:
        """Have work done by a thread; trace and caller follow it there."""
        in_context = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, in_context, self._do, work)

    def close(self) -> None:
        """Finish what was asked for, then disconnect."""
        self._threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _begin(self) -> None:
        self._of_thread.connection = KeptConnection(self._engine)
        self._connections.append(self._of_thread.connection)

    def _do(self, work: Callable[[KeptConnection], T]) -> T:
        return work(self._of_thread.connection)
