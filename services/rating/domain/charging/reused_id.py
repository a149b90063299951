"""A switch may give the id of a session that is over to another call.

From then on it is that call's. The former session stays, under another id: the record of its call
may still come.
"""

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.charging.call_sessions import START_TOLERANCE_SECONDS
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import Session


def is_of_another_call(
    known: Session, call: ChargedCall | None, is_start_told: bool = True
) -> bool:
    """Whether what comes under the id of a session is about another call than the session's.

    While its call goes on it is not: switches do not tell the same of a call in all messages.
    """
    if call is None or known.is_live:
        return False
    apart_micros = abs(known.call.start_micros - call.start_micros)
    is_far = apart_micros > START_TOLERANCE_SECONDS * MICROS_PER_SECOND
    return (is_start_told and is_far) or _has_other_key(known, call)


def _has_other_key(known: Session, call: ChargedCall) -> bool:
    """Whether both calls have a key or leg of their own; without one, a key is the session's id."""
    here, there = known.call, call
    if here.leg and there.leg and here.leg != there.leg:
        return True
    is_told = not any(known.session_id.endswith(each.call_key) for each in (here, there))
    is_alike = here.call_key_kind == there.call_key_kind
    return is_told and is_alike and here.call_key != there.call_key


def former_id(known: Session) -> str:
    """The id under which the session of an earlier call is kept."""
    return f"{known.session_id}#{known.call.start_micros}"
