"""Tells the streams of switches which of their calls are to be ended, as soon as that is known."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import utc_now
from services.rating.store.hang_ups import HangUp, hang_ups
from services.rating.usecases.pricing_memory import OVERLAP_SECONDS, POLL_INTERVAL_SECONDS

Push = Callable[[HangUp], None]

_logger = logging.getLogger(__name__)


class HangUps:
    """Asks the database for calls that are to be ended while there is anybody to tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[Push] = set()
        self._last_look = utc_now()
        self._is_woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Ask at once: something was stored here. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_woken.set)

    @contextmanager
    def told_to(self, push: Push) -> Iterator[None]:
        """Tell somebody of every call that is to be ended, more than once and of any tenant."""
        self._listeners.add(push)
        try:
            yield
        finally:
            self._listeners.discard(push)

    async def watch(self) -> None:
        """Keep asking, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await self._ask()
            except DATABASE_ERRORS:
                _logger.warning("the database does not tell what to hang up", exc_info=True)
            await self._woken_or_time()

    async def _ask(self) -> None:
        look = utc_now()
        if not self._listeners:
            self._last_look = look
            return
        since = self._last_look - timedelta(seconds=OVERLAP_SECONDS)
        found = await self._database.read(lambda connection: hang_ups(connection, since))
        self._last_look = look
        for each in found:
            for push in list(self._listeners):
                push(each)

    async def _woken_or_time(self) -> None:
        try:
            async with asyncio.timeout(POLL_INTERVAL_SECONDS):
                await self._is_woken.wait()
        except TimeoutError:
            return
        self._is_woken.clear()
