"""What a session becomes by an answer that was given without payment or the database."""

from __future__ import annotations

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.charging.offline import OfflineAnswer, sequence_of
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.requests import ExtendRequest
from services.rating.domain.charging.session import Session, SessionState, begin_of


def adopted(session: Session, offline: OfflineAnswer, now_micros: int) -> Session:
    """The session with what its call was allowed meanwhile, of which nothing is held.

    An intent stays: what it asked of payment comes to its end before anything else. So does what
    was granted: nobody takes seconds back that a switch was told.
    """
    if not session.is_live:
        return session
    request, answer = offline.request, offline.answer
    if isinstance(request, ExtendRequest):
        begin = session.begin_micros or begin_of(session.call, request.answer_micros)
        used = max(session.used_seconds, request.used_seconds)
        session = session._replace(begin_micros=begin, used_seconds=used)
    unused = answer.granted_seconds - session.used_seconds
    session = session._replace(
        state=SessionState.ACTIVE,
        granted_seconds=max(session.granted_seconds, answer.granted_seconds),
        expire_micros=now_micros + DEFAULT_POLICY.hold_seconds(max(0, unused)) * MICROS_PER_SECOND,
    )
    if session.intent is not None or sequence_of(request) < session.sequence:
        return session
    return session._replace(sequence=sequence_of(request), answer=answer)
