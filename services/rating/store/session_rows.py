"""A charging session as a row: stored values, with JSON for what no query asks about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.charging.answer import Answer, Reason, Verdict, WhenExhausted
from services.rating.domain.charging.grants import Wanted
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import Intent, Level, Session, SessionState
from services.rating.domain.compact_json import json_text
from services.rating.domain.counters import CounterKey, CounterState, CounterUse

KEY_NAMES = ("tenant_id", "session_id")
# What never changes once the session is there.
FIXED_NAMES = (
    "account_id", "call_key_kind", "call_key", "leg", "callee_kind", "trunk", "egress_trunk",
    "routing_number", "start_time", "price_per_minute_nanos",
)  # fmt: skip
CHANGING_NAMES = (
    "version", "state", "line", "caller", "callee", "begin_time", "expire_time", "sequence",
    "granted_seconds", "used_seconds", "cost_micros", "levels", "intent", "reserved", "answer",
    "reason", "hang_up_reason", "charge_id",
)  # fmt: skip
NAMES = (*KEY_NAMES, *FIXED_NAMES, *CHANGING_NAMES)


def session_row(session: Session) -> tuple[Any, ...]:
    """The values of a session, in the order of NAMES."""
    return (*_key(session), *_fixed(session), *_changing(session))


def changed_row(session: Session) -> tuple[Any, ...]:
    """The values that change, in the order of CHANGING_NAMES, then the key."""
    return (*_changing(session), *_key(session))


def session_of(row: Sequence[Any]) -> Session:
    """The session of a row with the values of NAMES."""
    value = dict(zip(NAMES, row, strict=True))
    call = ChargedCall(
        call_key_kind=value["call_key_kind"],
        call_key=value["call_key"],
        leg=value["leg"],
        account_id=value["account_id"],
        line=value["line"],
        caller=value["caller"],
        callee=DialledNumber(value["callee"], NumberKind(value["callee_kind"])),
        trunk=value["trunk"],
        egress_trunk=value["egress_trunk"],
        routing_number=value["routing_number"],
        start_micros=value["start_time"],
    )
    return Session(
        value["tenant_id"],
        value["session_id"],
        call,
        SessionState(value["state"]),
        levels=tuple(Level(*each) for each in json.loads(value["levels"])),
        expire_micros=value["expire_time"],
        sequence=value["sequence"],
        granted_seconds=value["granted_seconds"],
        used_seconds=value["used_seconds"],
        begin_micros=value["begin_time"],
        cost_micros=value["cost_micros"],
        price_per_minute_nanos=value["price_per_minute_nanos"],
        intent=_intent(value["intent"]),
        answer=_answer(value["session_id"], value["answer"]),
        reserved=_uses(value["reserved"]),
        reason=Reason(value["reason"]),
        hang_up_reason=value["hang_up_reason"],
        charge_id=bytes.fromhex(value["charge_id"]) or None,
        version=value["version"],
    )


def _key(session: Session) -> tuple[str, str]:
    return session.tenant_id, session.session_id


def _fixed(session: Session) -> tuple[Any, ...]:
    call = session.call
    return (
        call.account_id,
        call.call_key_kind,
        call.call_key,
        call.leg,
        int(call.callee.kind),
        call.trunk,
        call.egress_trunk,
        call.routing_number,
        call.start_micros,
        session.price_per_minute_nanos,
    )


def _changing(session: Session) -> tuple[Any, ...]:
    # One that has expired is yet to be charged: by an end that comes late, or its record.
    call, has_numbers = session.call, session.is_live or session.state is SessionState.EXPIRED
    return (
        session.version,
        int(session.state),
        call.line if has_numbers else "",
        call.caller if has_numbers else "",
        call.callee.digits if has_numbers else "",
        session.begin_micros,
        session.expire_micros,
        session.sequence,
        session.granted_seconds,
        session.used_seconds,
        session.cost_micros,
        json_text(session.levels),
        "" if session.intent is None else json_text(session.intent),
        json_text(session.reserved) if session.reserved else "",
        "" if session.answer is None else _answer_text(session.answer),
        session.reason.value,
        session.hang_up_reason,
        session.charge_id.hex() if session.charge_id else "",
    )


def _intent(text: str) -> Intent | None:
    if not text:
        return None
    sequence, (seconds, amounts, least), hold_seconds = json.loads(text)
    return Intent(sequence, Wanted(seconds, tuple(amounts), tuple(least)), hold_seconds)


def _answer_text(answer: Answer) -> str:
    return json_text(
        (
            answer.sequence,
            int(answer.verdict),
            answer.reason.value,
            answer.granted_seconds,
            answer.valid_seconds,
            answer.ask_again_at_seconds,
            int(answer.when_exhausted),
            answer.price_per_minute_nanos,
            answer.currency,
            answer.held_micros,
            answer.cost_micros,
        )
    )


def _answer(session_id: str, text: str) -> Answer | None:
    if not text:
        return None
    sequence, verdict, reason, granted, valid, again, when, *money = json.loads(text)
    seconds = granted, valid, again
    told = Verdict(verdict), Reason(reason)
    return Answer(session_id, sequence, *told, *seconds, WhenExhausted(when), *money)


def _uses(text: str) -> tuple[CounterUse, ...]:
    if not text:
        return ()
    return tuple(
        CounterUse(CounterKey(*key), CounterState(*before), CounterState(*after))
        for key, before, after in json.loads(text)
    )
