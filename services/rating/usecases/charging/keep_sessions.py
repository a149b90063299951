"""What nobody asks for: opens that got stuck are refused, sessions expire, old ones are forgotten.

Every replica does it; what another was first with changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import Clock, utc_now
from services.rating.domain.charging.limits import RATE_WINDOW_SECONDS
from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.domain.charging.session import Session
from services.rating.store.call_limits import forget_counted_calls
from services.rating.store.offline_answers import forget_offline_answers
from services.rating.store.sessions import forget_sessions
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.session_book import SessionBook

KEEP_INTERVAL_SECONDS = 1.0
SESSIONS_PER_ROUND_MAX = 500
# As long as call records may come late: then a session's call has a charge of its own.
SESSIONS_KEPT_DAYS = 35
FORGET_INTERVAL_SECONDS = 600
FORGOTTEN_PER_TRANSACTION_MAX = 5_000

Forget = Callable[[Connection, datetime, int], int]
"""Deletes what is older, up to a number of rows; tells how many it were."""

_logger = logging.getLogger(__name__)


async def end_all_due(book: SessionBook, saga: Saga, clock: Clock = utc_now) -> None:
    """End whatever is due by now."""
    while await end_due(book, saga, clock) >= SESSIONS_PER_ROUND_MAX:
        pass


async def end_due(book: SessionBook, saga: Saga, clock: Clock) -> int:
    """End what is due now; tells how many sessions were."""
    due = await book.due(clock(), SESSIONS_PER_ROUND_MAX)
    ended = await asyncio.gather(*(_end(saga, session) for session in due))
    return sum(ended)


async def _end(saga: Saga, session: Session) -> bool:
    """End a session; one that cannot be ended keeps no other from its end."""
    try:
        await saga.end(session)
    except (FundsUnavailableError, *DATABASE_ERRORS):
        _logger.warning("session %s is ended later", session.session_id, exc_info=True)
        return False
    except Exception:
        _logger.exception("session %s cannot be ended; it is tried again", session.session_id)
        return False
    return True


async def forget_old_sessions(database: Database, clock: Clock = utc_now) -> None:
    """Delete what is left of sessions that ended long ago, and of calls that count no longer."""
    now = clock()
    before = now - timedelta(days=SESSIONS_KEPT_DAYS)
    for forget in (forget_sessions, forget_offline_answers):
        await forget_all(database, forget, before)
    window = timedelta(seconds=RATE_WINDOW_SECONDS)
    await forget_all(database, forget_counted_calls, now - window)


async def forget_all(database: Database, forget: Forget, before: datetime) -> None:
    """Delete everything of a kind from before, some in each transaction."""
    count = FORGOTTEN_PER_TRANSACTION_MAX
    while count == FORGOTTEN_PER_TRANSACTION_MAX:
        count = await database.write(
            lambda uow: forget(uow.connection, before, FORGOTTEN_PER_TRANSACTION_MAX)
        )
