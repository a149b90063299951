"""The call of a session that has ended, as it is to be settled."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.session import Session, SessionState, begin_of
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
    call = _call(known, request)
    answered = begin_of(call, request.answer_micros) or (known and known.begin_micros)
    begin = answered or call.start_micros
    if request.duration_ms or request.end_micros is None:
        return EndedCall(call, begin, request.duration_ms, request.answered)
    if not answered:
        return EndedCall(call, begin, 0, is_answered=False)
    lasted = max(0, request.end_micros - answered) // _MICROS_PER_MS
    return EndedCall(call, begin, lasted, is_answered=True)


def _call(known: Session | None, request: CloseRequest) -> ChargedCall:
    """The call as its session knows it; one that was refused, as its end tells it."""
    if known is None:
        if request.call is None:
            raise unknown_session(request.session_id)
        return request.call
    if known.state is not SessionState.REFUSED or request.call is None:
        return known.call
    account_id = known.call.account_id or request.call.account_id
    return replace(request.call, account_id=account_id, start_micros=known.call.start_micros)
