"""Which request a RADIUS packet is: from its attributes to open, extend or close.

`READ_FROM` says which attribute each fact is read from. Everything here is a pure function of the
attributes, the client's profile and the present.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from kernel.clock import MICROS_PER_SECOND
from kernel.e164 import normalise
from kernel.errors import DomainError, ErrorKind
from services.rating.api.moments import FIRST_MICROS, is_rated
from services.rating.api.radius.attributes import Attributes
from services.rating.api.radius.clients import RadiusClient
from services.rating.api.radius.uris import routing_number_of, user_of
from services.rating.api.radius.vendor_times import read_time
from services.rating.domain.charging.requests import (
    SESSION_ID_LENGTH_MAX,
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_ACCT_SESSION_ID

# The first of the attributes that a packet has counts.
READ_FROM: Mapping[str, tuple[str, ...]] = {
    "caller": ("Calling-Station-Id", "Asterisk-Src", "Freeswitch-Src"),
    "callee": ("Called-Station-Id", "Asterisk-Dst", "Freeswitch-Dst"),
    "set up": ("h323-setup-time", "Asterisk-Start-Time", "Freeswitch-Callstartdate"),
    "answered": ("h323-connect-time", "Asterisk-Answer-Time", "Freeswitch-Callanswerdate"),
    "ended": ("h323-disconnect-time", "Asterisk-End-Time", "Freeswitch-Callenddate"),
    "seconds": ("Acct-Session-Time", "Asterisk-Bill-Sec"),
    "event": ("Event-Timestamp",),
    "delay": ("Acct-Delay-Time",),
    "origin": ("h323-call-origin",),
    "status": ("Acct-Status-Type",),
    "SIP method": ("Sip-Method",),
    "SIP code": ("Sip-Response-Code",),
}


class Status(IntEnum):
    """Acct-Status-Type (RFC 2866, section 5.1); what else there is, is only acknowledged."""

    START = 1
    STOP = 2
    INTERIM_UPDATE = 3
    FAILED = 15
    """A call that was not set up, from Kamailio and OpenSIPS."""


SIP_CANCEL = 2
SIP_FINAL_MIN = 200
# The call goes on with credentials.
SIP_CHALLENGES = {401, 407}

MICROS_PER_MILLISECOND = 1_000
# What sessions count up to.
NUMBER_MAX = 10**9

_SECONDS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a packet says, by the names of `READ_FROM`."""

    attributes: Attributes
    client: RadiusClient
    now_micros: int

    def text(self, fact: str) -> str:
        """A fact as it was written; empty when no attribute tells it."""
        return next((text for name in READ_FROM[fact] if (text := self.attribute(name))), "")

    def attribute(self, name: str) -> str:
        """An attribute's value. Raises UNREADABLE_ATTRIBUTE for one that no system would store."""
        return _readable(name, self.attributes.get(name.lower(), "").strip())

    def number(self, fact: str) -> int | None:
        """A fact that is a whole number; None when it is missing or no number."""
        text = self.text(fact)
        is_number = text.isascii() and text.isdigit()
        return int(text) if is_number and int(text) <= NUMBER_MAX else None

    def time(self, fact: str) -> int | None:
        """A fact that is a time of a vendor's own form; None of a clock that is far off."""
        micros = read_time(self.text(fact), self.client.zone)
        return micros if micros is not None and is_rated(micros) else None

    def event_micros(self) -> int:
        """When what is told happened; no switch knows the future."""
        match = _SECONDS.fullmatch(self.text("event"))
        if match is None:
            return self.now_micros - (self.number("delay") or 0) * MICROS_PER_SECOND
        seconds, fraction = match.groups(default="")
        micros = int(seconds) * MICROS_PER_SECOND + int(fraction.ljust(6, "0"))
        return min(micros, self.now_micros)


def authorisation(facts: Facts) -> OpenRequest | ExtendRequest:
    """What an Access-Request asks: more for a call that has used something, else a new call.

    Raises MISSING_ATTRIBUTE, UNREADABLE_ATTRIBUTE, INVALID_NUMBER.
    """
    used_seconds = facts.number("seconds")
    return _extension(facts, used_seconds) if used_seconds else opening(facts)


def opening(facts: Facts) -> OpenRequest:
    """The question whether the call of a packet may begin.

    Raises MISSING_ATTRIBUTE, UNREADABLE_ATTRIBUTE, INVALID_NUMBER.
    """
    return OpenRequest(
        session_id=session_id(facts),
        call=_call(facts, facts.event_micros()),
        requested_seconds=facts.client.requested_seconds,
        equipment=facts.client.equipment,
    )


def accounting(facts: Facts) -> ExtendRequest | CloseRequest | None:
    """What an Accounting-Request tells; None when nothing follows from it.

    Raises MISSING_ATTRIBUTE, UNREADABLE_ATTRIBUTE.
    """
    charged_leg, origin = facts.client.charged_leg, facts.text("origin").lower()
    if charged_leg and origin and origin != charged_leg:
        return None
    match facts.number("status"):
        case Status.START:
            return _extension(facts, 0) if _answer_micros(facts) is not None else None
        case Status.INTERIM_UPDATE:
            used_seconds = facts.number("seconds")
            return None if used_seconds is None else _extension(facts, used_seconds)
        case Status.STOP:
            # A cancelled INVITE has an end of its own, and one that was answered goes on.
            return None if facts.number("SIP method") == SIP_CANCEL else _close(facts)
        case Status.FAILED:
            return _close_unanswered(facts) if _is_final(facts.number("SIP code")) else None
    return None


def session_id(facts: Facts) -> str:
    """The id of the call's session, alike in all of its packets. Raises MISSING_ATTRIBUTE."""
    name = facts.client.session_id
    value = facts.attribute(name)
    if not value:
        raise _missing(name, "it tells calls apart; have the switch send it, or name another one")
    whole = f"{facts.client.name}:{value}"
    if len(whole) <= SESSION_ID_LENGTH_MAX:
        return whole
    return f"{facts.client.name}:{hashlib.sha256(value.encode()).hexdigest()}"


def _is_final(sip_code: int | None) -> bool:
    return sip_code is None or (sip_code >= SIP_FINAL_MIN and sip_code not in SIP_CHALLENGES)


def _extension(facts: Facts, used_seconds: int) -> ExtendRequest:
    return ExtendRequest(
        session_id=session_id(facts),
        # Told twice, even to two replicas, the same seconds are the same request.
        sequence=used_seconds + 1,
        used_seconds=used_seconds,
        requested_seconds=facts.client.requested_seconds,
        answer_micros=_answer_micros(facts),
    )


def _answer_micros(facts: Facts) -> int | None:
    """When the call was answered, if the packet tells."""
    told = facts.time("answered")
    is_start = facts.number("status") == Status.START
    if told is None and is_start and (facts.client.start_is_answer or facts.text("SIP code")):
        return facts.event_micros()
    return told


def _close(facts: Facts) -> CloseRequest:
    """The end of a call by a Stop, of which only some tell how long it lasted."""
    answer_micros = facts.time("answered")
    end_micros = facts.time("ended") or facts.event_micros()
    duration_ms = _duration_ms(facts)
    begin_micros = end_micros - (duration_ms or 0) * MICROS_PER_MILLISECOND
    is_begin_told = duration_ms is not None and bool(facts.text("event"))
    return CloseRequest(
        session_id=session_id(facts),
        duration_ms=duration_ms or 0,
        # A BYE ends a call that was answered; else seconds are the sign of it.
        answered=bool(duration_ms) or (duration_ms is None and bool(facts.text("SIP method"))),
        answer_micros=answer_micros,
        call=_ended_call(facts, facts.time("set up") or max(begin_micros, FIRST_MICROS)),
        equipment=facts.client.equipment,
        end_micros=end_micros if duration_ms is None else None,
        is_start_told=is_begin_told or facts.time("set up") is not None,
    )


def _close_unanswered(facts: Facts) -> CloseRequest:
    return CloseRequest(
        session_id=session_id(facts),
        duration_ms=0,
        answered=False,
        call=_ended_call(facts, facts.event_micros()),
        equipment=facts.client.equipment,
        is_start_told=bool(facts.text("event")),
    )


def _duration_ms(facts: Facts) -> int | None:
    """How long they talked: by the vendor's times, which have milliseconds, else by seconds."""
    answered, ended = facts.time("answered"), facts.time("ended")
    if answered is not None and ended is not None:
        lasted_micros = ended - answered
        if 0 <= lasted_micros <= NUMBER_MAX * MICROS_PER_SECOND:
            return lasted_micros // MICROS_PER_MILLISECOND
    seconds = facts.number("seconds")
    return None if seconds is None else seconds * 1_000


def _ended_call(facts: Facts, start_micros: int) -> ChargedCall | None:
    """The call that has ended; None where the packet does not say which, as its session knows."""
    try:
        return _call(facts, start_micros)
    except DomainError:
        return None


def _call(facts: Facts, start_micros: int) -> ChargedCall:
    client = facts.client
    callee = facts.text("callee")
    if not callee:
        raise _missing(READ_FROM["callee"][0], "it is the number called; have the switch send it")
    call_key = facts.attribute(client.call_key)
    return ChargedCall(
        call_key_kind=client.call_key_kind if call_key else CALL_KEY_KIND_ACCT_SESSION_ID,
        call_key=call_key or facts.attribute(client.session_id),
        leg="",
        account_id=client.account_id,
        line="" if client.account_id else _line(facts),
        caller=_caller(facts),
        callee=normalise(user_of(callee), client.plan),
        trunk=client.trunk,
        egress_trunk="",
        routing_number=routing_number_of(callee),
        start_micros=start_micros,
    )


def _caller(facts: Facts) -> str:
    """The calling number; a name or nobody's number is none."""
    try:
        return normalise(user_of(facts.text("caller")), facts.client.plan).digits
    except DomainError:
        return ""


def _line(facts: Facts) -> str:
    """Who calls: a number in international form, or a user without the realm (RFC 7542).

    Empty when the packet does not say: then the trunk or the calling number tells. Raises
    UNREADABLE_ATTRIBUTE.
    """
    name = facts.client.line
    number = _caller(facts) if name in READ_FROM["caller"] else ""
    return number or _readable(name, user_of(facts.attribute(name))).partition("@")[0]


def _readable(name: str, value: str) -> str:
    if not value.isprintable():
        problem = f"{name} has characters that cannot be printed; correct it at the switch"
        raise _invalid("UNREADABLE_ATTRIBUTE", problem, name)
    return value


def _missing(name: str, way_out: str) -> DomainError:
    return _invalid("MISSING_ATTRIBUTE", f"{name} is missing: {way_out}", name)


def _invalid(reason: str, message: str, name: str) -> DomainError:
    return DomainError(ErrorKind.INVALID_ARGUMENT, reason, message, {"attribute": name})
