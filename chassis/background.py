"""What a service does by itself, again and again, until it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

_logger = logging.getLogger(__name__)


async def keep_doing(what: str, job: Callable[[], Awaitable[object]], pause_seconds: float) -> None:
    """Do a job now and after each pause; what fails is done the next time, and stops nothing else.

    A database that is away for a while must not end the process: all else that it does waits too.
    """
    while True:
        try:
            await job()
        except Exception:
            _logger.exception("%s: failed, and is tried again in %s s", what, pause_seconds)
        await asyncio.sleep(pause_seconds)
