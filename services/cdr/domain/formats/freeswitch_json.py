"""Reads the documents of FreeSWITCH's mod_json_cdr, one a channel, as the switch builds them.

`switch_ivr_generate_json_cdr` writes the channel's variables (percent-encoded unless the module's
`encode-values` is off), and for each caller profile, newest first, a `callflow` with the numbers
and with times in microseconds; versions of FreeSWITCH differ in whether these form an array. A time
of 0 means that it never happened. With `encode` on, a document that could not be pushed is left on
disk percent-encoded as a whole.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from kernel.clock import MICROS_PER_SECOND, from_micros
from kernel.ids import hash_parts
from services.cdr.domain.records import (
    RELEASE_CAUSE_MAX,
    ParsedRecord,
    Reason,
    RejectedRecordError,
    shown,
)

MICROS_PER_MILLISECOND = 1_000
A_LEG = "a"
B_LEG = "b"

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")

# The dial string of a bridge with one way, e.g. {timeout=30}sofia/gateway/carrier-a/31612345678;
# further ways would follow after a comma, '|' or ':_:'.
_GATEWAY = re.compile(r"(?:\{[^}]*\}|\[[^]]*\])*sofia/gateway/(?:[^/:]+::)?([^/:,|]+)/[^:,|]+")

# JSON can write half of a pair, which no encoding can.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

Document = Mapping[str, Any]


def parse(content: bytes) -> ParsedRecord:
    """Understand one document; raises RejectedRecordError."""
    channel = _Channel(_load(content))
    start = channel.time("start", "created_time")
    if start is None:
        raise RejectedRecordError(
            Reason.MISSING_FIELD, "the document has no start_uepoch, start_epoch or created_time"
        )
    answer = channel.time("answer", "answered_time")
    fields = (
        channel.variable("uuid"),
        channel.leg(),
        channel.profile("caller_id_number") or channel.variable("effective_caller_id_number"),
        channel.profile("destination_number"),
        channel.variable("accountcode"),
        # The user who signed in; who the From header claims to be only when nobody did.
        channel.variable("user_name") or channel.variable("sip_from_user"),
        channel.variable("sip_gateway"),
        channel.egress_gateway(),
        "",  # FreeSWITCH has no variable of its own for what a number portability dip returned.
    )
    billable_ms = channel.billable_ms(answer)
    total_ms = channel.milliseconds("mduration", "duration")
    release_cause = channel.release_cause()
    numbers = (start, answer, billable_ms, total_ms, release_cause)
    return ParsedRecord(
        *fields,
        start=start,
        answer=answer,
        answered=answer is not None,
        billable_ms=billable_ms,
        total_ms=total_ms,
        release_cause=release_cause,
        content=hash_parts(*fields, *map(str, numbers)),
    )


class _Channel:
    """One document, as the questions that a call record answers."""

    def __init__(self, document: Document) -> None:
        self._variables = _mapping(document, "variables")
        callflow = document.get("callflow")
        newest = callflow[0] if isinstance(callflow, list) and callflow else callflow
        flow = newest if isinstance(newest, dict) else {}
        self._profile = _mapping(flow, "caller_profile")
        self._times = _mapping(flow, "times") or _mapping(document, "times")

    def variable(self, name: str) -> str:
        value = _text(self._variables, name)
        return unquote(value) if "%" in value else value

    def profile(self, name: str) -> str:
        return _text(self._profile, name)

    def leg(self) -> str:
        """A channel that another one caused is the B leg: FreeSWITCH's own rule."""
        return B_LEG if "originator" in self._profile else A_LEG

    def egress_gateway(self) -> str:
        """The gateway of an outbound channel, or the one to which this channel was bridged.

        Where a bridge had several ways, the document does not say which of them took the call.
        """
        own = self.variable("sip_gateway_name")
        if own or self.variable("last_app") != "bridge":
            return own
        only_way = _GATEWAY.fullmatch(self.variable("last_arg"))
        return only_way[1] if only_way else ""

    def time(self, variable: str, time_name: str) -> datetime | None:
        micros = self.whole_number(f"{variable}_uepoch")
        if micros is None and (seconds := self.whole_number(f"{variable}_epoch")) is not None:
            micros = seconds * MICROS_PER_SECOND
        if micros is None:
            micros = _whole_number(_text(self._times, time_name), time_name)
        try:
            return from_micros(micros) if micros else None
        except OverflowError as error:
            raise RejectedRecordError(
                Reason.MALFORMED_RECORD, f"{variable} time {micros} is beyond the year 9999"
            ) from error

    def billable_ms(self, answer: datetime | None) -> int:
        """What the switch has computed, otherwise the time from answer to hang-up."""
        written = self.milliseconds("billmsec", "billsec")
        if written is not None or answer is None:
            return written or 0
        end = self.time("end", "hangup_time")
        if end is None:
            raise RejectedRecordError(
                Reason.MISSING_FIELD, "the call was answered, but has no billmsec, billsec or end"
            )
        return round((end - answer).total_seconds() * 1000)

    def milliseconds(self, milliseconds_name: str, seconds_name: str) -> int | None:
        milliseconds = self.whole_number(milliseconds_name)
        if milliseconds is not None:
            return milliseconds
        seconds = self.whole_number(seconds_name)
        return None if seconds is None else seconds * 1000

    def release_cause(self) -> int:
        """The cause by Q.850; a cause of FreeSWITCH's own is an unknown one."""
        cause = self.whole_number("hangup_cause_q850") or 0
        return cause if 0 <= cause <= RELEASE_CAUSE_MAX else 0

    def whole_number(self, variable: str) -> int | None:
        return _whole_number(self.variable(variable), variable)


def _load(content: bytes) -> Document:
    stripped = content.strip()
    try:
        text = (unquote_to_bytes(stripped) if stripped[:1] == b"%" else stripped).decode(
            "utf-8-sig"
        )
    except UnicodeDecodeError as error:
        raise RejectedRecordError(
            Reason.INVALID_ENCODING,
            f"byte {error.start + 1} of the document is not UTF-8; JSON has to be (RFC 8259)",
        ) from error
    try:
        document = json.loads(text, object_pairs_hook=_first_of_each)
    except (ValueError, RecursionError) as error:  # ValueError: a number of over 4,300 digits
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD, f"the document is no JSON ({error}); send it again whole"
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("variables"), dict):
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            "the document is no call record of mod_json_cdr: it has no object 'variables'",
        )
    return document


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Where a key is repeated (older FreeSWITCH repeats `callflow`), the first is the newest."""
    return dict(reversed(pairs))


def _mapping(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    if isinstance(value, str):
        if _LONE_SURROGATE.search(value):
            raise RejectedRecordError(
                Reason.MALFORMED_RECORD, f"{name} {shown(value)} has half of a character (\\ud8…)"
            )
        return value
    return str(value) if isinstance(value, int) else ""


def _whole_number(text: str, name: str) -> int | None:
    if not text:
        return None
    if not _WHOLE_NUMBER.fullmatch(text):
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD, f"{name} {shown(text)} is no whole number"
        )
    return int(text)
