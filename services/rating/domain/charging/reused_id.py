"""A switch may give the id of a session that is over to another call.

From then on it is that call's. The former session stays, under another id: the record of its call
may still come.
"""

from services.rating.domain.charging.call_sessions import START_TOLERANCE_SECONDS
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import MICROS_PER_SECOND, Session


def is_of_another_call(
    known: Session, call: ChargedCall | None, is_start_told: bool = True
) -> bool:
    """Whether what comes under the id of a session is about another call than the session's.

    While its call goes on it is not: switches do not tell the same of a call in all messages.
    """
    if call is None or known.is_live:
        return False
    here, there = known.call, call
    apart_micros = abs(here.start_micros - there.start_micros)
    is_far = is_start_told and apart_micros > START_TOLERANCE_SECONDS * MICROS_PER_SECOND
    is_alike = here.call_key_kind == there.call_key_kind
    has_other_key = is_alike and (here.call_key, here.leg) != (there.call_key, there.leg)
    return is_far or has_other_key


def former_id(known: Session) -> str:
    """The id under which the session of an earlier call is kept."""
    return f"{known.session_id}#{known.call.start_micros}"
