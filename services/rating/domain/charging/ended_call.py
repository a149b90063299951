"""The call of a session that has ended, as it is to be settled."""

from __future__ import annotations

from typing import NamedTuple

from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.session import Session, begin_of
from services.rating.domain.errors import unknown_session

_MICROS_PER_MS = 1_000


class EndedCall(NamedTuple):
    """A call and how long it was."""

    call: ChargedCall
    begin_micros: int
    duration_ms: int
    is_answered: bool


def ended_call(known: Session | None, request: CloseRequest) -> EndedCall:
    """What the end of a call tells, with what its session knows.

    A switch that does not tell how long the call was tells when it ended: it lasted from its
    answer on, and was not answered if nobody ever told of one.

    Raises:
        DomainError: UNKNOWN_SESSION.
    """
    call = request.call if known is None else known.call
    if call is None:
        raise unknown_session(request.session_id)
    answered = begin_of(call, request.answer_micros) or (known and known.begin_micros)
    begin = answered or call.start_micros
    if request.duration_ms or request.end_micros is None:
        return EndedCall(call, begin, request.duration_ms, request.answered)
    if not answered:
        return EndedCall(call, begin, 0, is_answered=False)
    lasted = max(0, request.end_micros - answered) // _MICROS_PER_MS
    return EndedCall(call, begin, lasted, is_answered=True)
