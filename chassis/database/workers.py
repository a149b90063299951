"""Threads that run transactions, each on a connection that it keeps.

An executor with futures of its own, and a pool that lends connections, would cost twice as much as
a small transaction itself.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

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


class _Job(NamedTuple):
    work: Callable[[KeptConnection], Any]
    context: Context
    result: asyncio.Future[Any]


class Workers:
    """Up to `count` threads; another one begins when all are at work."""

    def __init__(self, engine: Engine, count: int, name: str) -> None:
        self._engine = engine
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._unanswered = 0

    async def run(self, work: Callable[[KeptConnection], T]) -> T:
        """Have work done by a thread; trace and caller follow it there."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._unanswered += 1
        if len(self._threads) < min(self._unanswered, self._count):
            self._begin_thread()
        self._jobs.put(_Job(work, copy_context(), result))
        return await result

    def close(self) -> None:
        """Finish what was asked for, then end."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _begin_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        with contextlib.closing(KeptConnection(self._engine)) as connection:
            while (job := self._jobs.get()) is not None:
                self._do(job, connection)
                # What it worked on does not live until the next one.
                del job

    def _do(self, job: _Job, connection: KeptConnection) -> None:
        if job.result.cancelled():
            self._answer(job.result, job.result.cancel)
            return
        try:
            value = job.context.run(job.work, connection)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._answer(job.result, job.result.set_exception, error)
        else:
            self._answer(job.result, job.result.set_result, value)

    def _answer(self, result: asyncio.Future[Any], *answer: Any) -> None:
        # A loop that is closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            result.get_loop().call_soon_threadsafe(self._give, result, *answer)

    def _give(
        self, result: asyncio.Future[Any], answer: Callable[..., object], *values: Any
    ) -> None:
        self._unanswered -= 1
        if not result.done():
            answer(*values)
