"""Charging requests from the messages of the contract, and answers and sessions to them.

Every door fills these messages, so that all of them check alike.
"""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import micros_to_money, nanos_to_decimal, time_from_proto
from kernel.clock import from_micros, to_micros, utc_now
from kernel.e164 import DialledNumber, NumberKind, NumberPlan, normalise
from kernel.errors import DomainError
from services.rating.api.moments import checked_micros
from services.rating.domain.charges.charge import OWN_KEY_KINDS
from services.rating.domain.charging.answer import Answer
from services.rating.domain.charging.requests import (
    REQUESTED_SECONDS_MAX,
    SESSION_ID_LENGTH_MAX,
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)
from services.rating.domain.charging.return_codes import ReturnCodes
from services.rating.domain.errors import invalid_field
from services.rating.usecases.charging.charging import LiveCall
from tollbook.rating.v1 import charging_pb2 as messages
from tollbook.rating.v1 import charging_service_pb2 as requests
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind

TEXT_CHARACTERS_MAX = 255
SEQUENCE_MAX = 2**31 - 1
# Sessions count seconds in 32 bits; a call of more than a day is charged once its record is right.
DURATION_MS_MAX = 10**12
USED_SECONDS_MAX = 10**9
CODES_CACHED_MAX = 1_000
PRICES_CACHED_MAX = 10_000

_UNKNOWN_NUMBER = DialledNumber("", NumberKind.E164)


def open_from_proto(request: requests.OpenSessionRequest, plan: NumberPlan) -> OpenRequest:
    """A request for a call. A wrong number is for the answer to refuse.

    Raises:
        DomainError: INVALID_SESSION, INVALID_TIME.
    """
    return OpenRequest(
        _session_id(request.session_id),
        _call(request.call, _dialled(request.call.callee, plan), plan),
        _seconds("requested_seconds", request.requested_seconds, REQUESTED_SECONDS_MAX),
        request.equipment,
    )


def extend_from_proto(request: requests.ExtendSessionRequest) -> ExtendRequest:
    """A request for more. Raises INVALID_SESSION, INVALID_TIME."""
    if not 1 <= request.sequence <= SEQUENCE_MAX:
        problem = f"{request.sequence} is not between 1 and {SEQUENCE_MAX}; an open is 0"
        raise invalid_field("INVALID_SESSION", "sequence", problem)
    return ExtendRequest(
        _session_id(request.session_id),
        request.sequence,
        _seconds("used_seconds", request.used_seconds, USED_SECONDS_MAX),
        _seconds("requested_seconds", request.requested_seconds, REQUESTED_SECONDS_MAX),
        _moment("answer_time", request.answer_time),
    )


def close_from_proto(request: requests.CloseSessionRequest, plan: NumberPlan) -> CloseRequest:
    """The end of a call. Raises INVALID_SESSION, INVALID_NUMBER, INVALID_TIME."""
    call = None
    if request.HasField("call"):
        callee = normalise("+" + request.call.callee.removeprefix("+"), plan)
        call = _call(request.call, callee, plan)
    return CloseRequest(
        _session_id(request.session_id),
        _seconds("duration_ms", request.duration_ms, DURATION_MS_MAX),
        request.answered,
        _moment("answer_time", request.answer_time),
        call,
        request.equipment,
        is_start_told=request.call.HasField("start_time"),
    )


def answer_to_proto(answer: Answer, codes: ReturnCodes) -> messages.ChargingAnswer:
    """An answer, in the words of the equipment's protocol too."""
    has_money = bool(answer.currency)
    return messages.ChargingAnswer(
        verdict=messages.Verdict.ValueType(answer.verdict),
        reason=answer.reason.value,
        return_codes=_codes_to_proto(codes),
        granted_seconds=answer.granted_seconds,
        valid_for=Duration(seconds=answer.valid_seconds),
        ask_again_at_seconds=answer.ask_again_at_seconds,
        when_exhausted=messages.WhenExhausted.ValueType(answer.when_exhausted),
        price_per_minute=_price_to_proto(answer.price_per_minute_nanos),
        sequence=answer.sequence,
        session_id=answer.session_id,
        held=micros_to_money(answer.currency, answer.held_micros) if has_money else None,
        cost=micros_to_money(answer.currency, answer.cost_micros) if has_money else None,
    )


@lru_cache(maxsize=PRICES_CACHED_MAX)
def _price_to_proto(nanos: int) -> Decimal:
    """A price of a minute, as many calls have it."""
    return nanos_to_decimal(nanos)


@lru_cache(maxsize=CODES_CACHED_MAX)
def _codes_to_proto(codes: ReturnCodes) -> messages.ReturnCodes:
    """The codes of a reason: few, and told with every answer."""
    return messages.ReturnCodes(
        sip=codes.sip, sip_reason=codes.sip_phrase, q850=codes.q850, h323=codes.h323
    )


def session_to_proto(live: LiveCall) -> messages.ChargingSession:
    """A session as it stands."""
    session, call = live.session, live.session.call
    message = messages.ChargingSession(
        session_id=session.session_id,
        call_key=CallKey(kind=CallKeyKind.ValueType(call.call_key_kind), value=call.call_key),
        leg=call.leg,
        account_id=call.account_id,
        callee=call.callee.digits,
        trunk=call.trunk,
        state=messages.SessionState.ValueType(session.state),
        sequence=session.sequence,
        granted_seconds=session.granted_seconds,
        used_seconds=session.used_seconds,
        reason=session.reason or session.hang_up_reason,
        charge_id=session.charge_id.hex() if session.charge_id else "",
    )
    message.start_time.FromDatetime(from_micros(call.start_micros))
    message.expire_time.FromDatetime(from_micros(session.expire_micros))
    if session.levels:
        customer = session.levels[0]
        message.payer_account_id = customer.payer_account_id
        message.held.CopyFrom(micros_to_money(customer.currency, customer.held_micros or 0))
        message.cost.CopyFrom(micros_to_money(customer.currency, live.cost_micros))
    return message


def _session_id(session_id: str) -> str:
    if not 1 <= len(session_id) <= SESSION_ID_LENGTH_MAX:
        problem = f"it has {len(session_id)} characters; give 1 to {SESSION_ID_LENGTH_MAX}"
        raise invalid_field("INVALID_SESSION", "session_id", problem)
    return session_id


def _call(call: requests.ChargedCall, callee: DialledNumber, plan: NumberPlan) -> ChargedCall:
    key = call.call_key
    if key.kind in OWN_KEY_KINDS:
        problem = "name the kind of the switch's own id, CALL_KEY_KIND_OTHER if it is none of them"
        raise invalid_field("INVALID_SESSION", "call.call_key.kind", problem)
    if not key.value:
        raise invalid_field("INVALID_SESSION", "call.call_key.value", "it is empty; set it")
    for name in ("leg", "account_id", "line", "trunk", "egress_trunk"):
        _check_length(f"call.{name}", getattr(call, name))
    _check_length("call.call_key.value", key.value)
    return ChargedCall(
        key.kind,
        key.value,
        call.leg,
        call.account_id,
        call.line,
        _dialled(call.caller, plan).digits,
        callee,
        call.trunk,
        call.egress_trunk,
        _dialled(call.routing_number, plan).digits,
        _moment("call.start_time", call.start_time) or to_micros(utc_now()),
    )


def _check_length(field: str, text: str) -> None:
    if len(text) > TEXT_CHARACTERS_MAX:
        problem = f"it has {len(text)} characters; give at most {TEXT_CHARACTERS_MAX}"
        raise invalid_field("INVALID_SESSION", field, problem)


def _dialled(text: str, plan: NumberPlan) -> DialledNumber:
    """A number; empty where it is none, as of callers who withhold theirs."""
    if not text:
        return _UNKNOWN_NUMBER
    try:
        return normalise("+" + text.removeprefix("+"), plan)
    except DomainError:
        return _UNKNOWN_NUMBER


def _seconds(field: str, number: int, number_max: int) -> int:
    if not 0 <= number <= number_max:
        raise invalid_field("INVALID_SESSION", field, f"{number} is not 0 to {number_max}")
    return number


def _moment(field: str, message: Timestamp) -> int | None:
    """A moment in microseconds; None where it is not set. INVALID_TIME."""
    moment = time_from_proto(message) if message.seconds or message.nanos else None
    return None if moment is None else checked_micros(field, to_micros(moment))
