"""Looks into the database for what has changed, for all that a replica has in memory.

One look serves every memory: each of them by itself would cost the database as much again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import utc_now

POLL_INTERVAL_SECONDS = 0.2
# What was heard of the database counts so long; then it is asked before anything is answered.
FRESH_SECONDS_MAX = 1.0
# Changes are looked for so far back: longer than a transaction takes that noted one, and than the
# clocks of replicas differ.
OVERLAP_SECONDS = 15
# Beyond this a memory drops everything and reads it again as it is needed.
CHANGES_PER_POLL_MAX = 10_000

News = TypeVar("News")
Read = Callable[[Connection, datetime], News]
"""Reads what has changed since a moment; on a thread of the database."""

_logger = logging.getLogger(__name__)


class _Memory(NamedTuple):
    reads: Callable[[], Read[Any]]
    heed: Callable[[Any], Awaitable[None]]


class ChangeWatch:
    """Keeps memories as the database was a moment ago. Lives on the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memories: list[_Memory] = []
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        self._last_look = utc_now()
        self._is_woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_doubted = False
        """Whether something was stored here since the last look."""

    def tell(
        self, reads: Callable[[], Read[News]], heed: Callable[[News], Awaitable[None]]
    ) -> None:
        """Have a memory heed what it reads with each look; it says each time what that is."""
        self._memories.append(_Memory(reads, heed))

    def doubt(self) -> None:
        """Look before the next answer: something was stored here. From any thread."""
        self.is_doubted = True

    def wake(self) -> None:
        """Look at once. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_woken.set)

    def is_fresh(self) -> bool:
        """Whether what is in memory counts without another look."""
        return not self.is_doubted and time.monotonic() - self._looked <= FRESH_SECONDS_MAX

    async def run(self) -> None:
        """Keep looking, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                async with self._looking:
                    await self._look()
            except DATABASE_ERRORS:
                _logger.warning("the database does not tell what has changed", exc_info=True)
            await self._pause()

    async def catch_up(self) -> None:
        """Look, unless somebody did meanwhile. Raises as the database does."""
        begin = time.monotonic()
        async with self._looking:
            if self.is_doubted or self._looked < begin:
                await self._look()

    async def _look(self) -> None:
        self.is_doubted = False
        begin, look = time.monotonic(), utc_now()
        since = self._last_look - timedelta(seconds=OVERLAP_SECONDS)
        reads = [memory.reads() for memory in self._memories]
        try:
            news = await self._database.read(
                lambda connection: [read(connection, since) for read in reads]
            )
            for memory, each in zip(self._memories, news, strict=True):
                await memory.heed(each)
        except BaseException:
            self.is_doubted = True
            raise
        self._looked, self._last_look = begin, look

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_INTERVAL_SECONDS):
                await self._is_woken.wait()
        except TimeoutError:
            return
        self._is_woken.clear()
