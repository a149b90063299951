"""Sessions of which switches were told what is stored a moment later, with the next batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

from chassis.database.engine import DATABASE_ERRORS
from services.rating.domain.charging.session import Session

# What no batch has taken along by then is a batch by itself.
TOLD_SECONDS_MAX = 0.05
RETRY_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class Told(NamedTuple):
    """A session that is to be stored."""

    session: Session
    """In the version after the one that is stored."""
    overtaken: Callable[[], None]
    """Called instead if somebody else has changed the session meanwhile."""


class ToldSessions:
    """What is to be stored of each tenant. It is lost with the process, and then repaired."""

    def __init__(self, store: Callable[[str], Awaitable[object]]) -> None:
        """`store` takes what is waiting of a tenant, and stores it."""
        self._store = store
        self._waiting: dict[str, dict[str, Told]] = {}
        self._is_any = asyncio.Event()

    def add(self, told: Iterable[Told]) -> None:
        """Have sessions stored soon."""
        for each in told:
            of_tenant = self._waiting.setdefault(each.session.tenant_id, {})
            of_tenant[each.session.session_id] = each
        self._is_any.set()

    def take(self, tenant_id: str) -> dict[str, Told]:
        """What is to be stored now, by session; whoever cannot store it, adds it again."""
        return self._waiting.pop(tenant_id, {})

    def take_of(self, tenant_id: str, session_ids: Collection[str]) -> dict[str, Told]:
        """As `take`, of some sessions alone."""
        waiting = self._waiting.get(tenant_id, {})
        return {each: waiting.pop(each) for each in session_ids if each in waiting}

    async def store(self, tenant_id: str) -> None:
        """Store at once what is waiting of a tenant."""
        if self._waiting.get(tenant_id):
            await self._store(tenant_id)

    async def keep(self) -> None:
        """Store what no batch takes along, until cancelled; then what is left."""
        try:
            while True:
                await self._is_any.wait()
                await asyncio.sleep(TOLD_SECONDS_MAX)
                self._is_any.clear()
                await self._store_all()
        finally:
            await self._store_all()

    async def _store_all(self) -> None:
        for tenant_id in list(self._waiting):
            try:
                await self.store(tenant_id)
            except DATABASE_ERRORS:
                _logger.warning("what switches were told is stored later", exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)
