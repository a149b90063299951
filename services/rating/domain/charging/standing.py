"""What whoever asks is told of a session as it stands; a repeated request gets its answer again."""

from __future__ import annotations

from dataclasses import replace

from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.requests import ExtendRequest
from services.rating.domain.charging.session import Session, SessionState

_ENDED = {
    SessionState.REFUSED: Reason.SESSION_REFUSED,
    SessionState.CLOSED: Reason.SESSION_CLOSED,
    SessionState.EXPIRED: Reason.SESSION_EXPIRED,
}


def answer_to_open(session: Session) -> Answer:
    """The answer to an open, whether it is the first or comes again."""
    answer = session.answer
    if answer is None or session.state in {SessionState.CLOSED, SessionState.EXPIRED}:
        return _refusal(session, 0)
    if session.is_live and session.hang_up_reason:
        reason = Reason.HANG_UP_REQUESTED
        return replace(answer, sequence=0, verdict=Verdict.HANG_UP, reason=reason)
    if answer.sequence == 0:
        return answer
    if answer.verdict is Verdict.HANG_UP:
        return replace(answer, sequence=0)
    # It came again after an extend: what is granted by now is granted.
    return replace(answer, sequence=0, verdict=Verdict.GRANTED, reason=Reason.NONE)


def answer_to_extend(session: Session | None, request: ExtendRequest) -> Answer:
    """The answer to an extend of a session that has been answered, has ended, or is unknown."""
    if session is None:
        reason = Reason.UNKNOWN_SESSION
        return Answer(request.session_id, request.sequence, Verdict.REFUSED, reason)
    if session.is_live and session.answer is not None:
        return session.answer
    return _refusal(session, request.sequence)


def _refusal(session: Session, sequence: int) -> Answer:
    return Answer(
        session.session_id,
        sequence,
        Verdict.REFUSED,
        _ENDED.get(session.state, Reason.FUNDS_UNAVAILABLE),
        session.granted_seconds,
        price_per_minute_nanos=session.price_per_minute_nanos,
        currency=session.levels[0].currency if session.levels else "",
        cost_micros=session.cost_micros,
    )
