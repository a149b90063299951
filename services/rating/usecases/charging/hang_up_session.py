"""Asks that a call be ended; its switch hears of it with its next request, or by its stream."""

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charging.session import Session, asked_to_hang_up, next_version
from services.rating.domain.errors import not_found, session_ended
from services.rating.store.sessions import lock_sessions, update_sessions


def hang_up_session(uow: UnitOfWork, tenant_id: str, session_id: str, reason: str) -> Session:
    """The session that is to end.

    Raises:
        DomainError: SESSION_NOT_FOUND, SESSION_ENDED.
    """
    session = lock_sessions(uow.connection, tenant_id, [session_id]).get(session_id)
    if session is None:
        raise not_found("SESSION", session_id)
    if not session.is_live:
        raise session_ended(session_id, session.state.name)
    asked = next_version(session, asked_to_hang_up(session, reason))
    update_sessions(uow.connection, [asked])
    return asked
