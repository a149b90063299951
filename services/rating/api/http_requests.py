"""Flat fields of HTTP as messages of the contract, so that every door checks alike."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.clock import MICROS_PER_MS, MICROS_PER_SECOND, to_micros
from kernel.money import NANOS_PER_MICRO
from services.rating.api.call_keys import CALL_KEY_KINDS
from services.rating.domain.errors import invalid_field
from tollbook.rating.v1 import charging_service_pb2 as pb
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind

FIELDS_MAX = 40
NUMBER_MAX = 2**32 - 1
SHOWN_CHARACTERS_MAX = 40


CALL_TEXTS = (
    *("leg", "account_id", "line", "caller", "callee"),
    *("trunk", "egress_trunk", "routing_number"),
)

# NUL, which PostgreSQL cannot store, and halves of UTF-16 pairs, which are no characters.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9]{1,10}")
_SECONDS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,6})[0-9]*)?")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Fields:
    """The fields of one request, each of which must be known: a misspelt one is an error."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._known: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a field was given, and is not empty."""
        return bool(self.text(name))

    def text(self, name: str) -> str:
        """A field as it was written; empty when it was not given."""
        self._known.add(name)
        return self._values.get(name, "").strip()

    def number(self, name: str) -> int:
        """A whole number; 0 when it was not given. Raises INVALID_FIELD."""
        text = self.text(name) or "0"
        if not _NUMBER.fullmatch(text) or int(text) > NUMBER_MAX:
            raise _invalid(name, text, f"a whole number from 0 to {NUMBER_MAX}")
        return int(text)

    def milliseconds(self, name: str) -> int:
        """Seconds, with or without decimals, in milliseconds. Raises INVALID_FIELD."""
        return self._micros(name, self.text(name) or "0") // MICROS_PER_MS

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no. Raises INVALID_FIELD."""
        text = self.text(name).lower()
        if text and text not in _FLAGS:
            raise _invalid(name, text, "true or false")
        return _FLAGS.get(text, default)

    def time(self, name: str) -> Timestamp | None:
        """A moment: seconds since 1970, or ISO 8601 with a zone. Raises INVALID_FIELD."""
        text = self.text(name)
        if not text:
            return None
        micros = self._micros(name, text) if _SECONDS.fullmatch(text) else _moment(name, text)
        seconds, rest = divmod(micros, MICROS_PER_SECOND)
        return Timestamp(seconds=seconds, nanos=rest * NANOS_PER_MICRO)

    def choice(self, name: str, choices: Mapping[str, int]) -> int:
        """The number of a word. Raises INVALID_FIELD."""
        text = self.text(name)
        if text not in choices:
            raise _invalid(name, text, f"one of {', '.join(choices)}")
        return choices[text]

    def check_known(self) -> None:
        """Refuse what was given and never asked for. Raises INVALID_FIELD."""
        for name in self._values.keys() - self._known:
            known = ", ".join(sorted(self._known))
            shown = name[:SHOWN_CHARACTERS_MAX]
            raise invalid_field("INVALID_FIELD", shown, f"it is none of {known}; leave it out")

    @staticmethod
    def _micros(name: str, text: str) -> int:
        match = _SECONDS.fullmatch(text)
        if match is None:
            raise _invalid(name, text, "seconds, e.g. 65 or 65.250")
        seconds, fraction = match.groups(default="")
        return int(seconds) * MICROS_PER_SECOND + int(fraction.ljust(6, "0"))


def fields_of(query: str, content_type: str, body: bytes) -> Fields:
    """The fields of a query and of a body. Raises INVALID_FIELD, INVALID_BODY."""
    pairs = parse_qsl(query, keep_blank_values=True)
    pairs += _json_pairs(body) if content_type == "application/json" else _form_pairs(body)
    if len(pairs) > FIELDS_MAX:
        raise invalid_field("INVALID_BODY", "body", f"it has more than {FIELDS_MAX} fields")
    values = dict(pairs)
    if len(values) < len(pairs):
        raise invalid_field("INVALID_FIELD", "body", "a field is given twice; give each once")
    for name, text in pairs:
        _check_is_text("body", name)
        _check_is_text(name, text)
    return Fields(values)


def open_request(fields: Fields) -> pb.OpenSessionRequest:
    """Ask for a call. Raises INVALID_FIELD."""
    request = pb.OpenSessionRequest(
        session_id=fields.text("session_id"),
        call=_call(fields),
        requested_seconds=fields.number("requested_seconds"),
        equipment=fields.text("equipment"),
    )
    fields.check_known()
    return request


def extend_request(fields: Fields) -> pb.ExtendSessionRequest:
    """Report what was used. Raises INVALID_FIELD."""
    request = pb.ExtendSessionRequest(
        session_id=fields.text("session_id"),
        sequence=fields.number("sequence"),
        used_seconds=fields.number("used_seconds"),
        requested_seconds=fields.number("requested_seconds"),
        answer_time=fields.time("answer_time"),
    )
    # The table of codes is chosen at every request, as there is nothing else to know it by.
    fields.text("equipment")
    fields.check_known()
    return request


def close_request(fields: Fields) -> pb.CloseSessionRequest:
    """Report the end. Raises INVALID_FIELD.

    `duration_seconds` is for switches that count in seconds; without `answered`, a call that lasted
    was answered. The call is told by its callee, for a session that was not opened here.
    """
    duration_ms = fields.number("duration_ms") + fields.milliseconds("duration_seconds")
    if fields.has("duration_ms") and fields.has("duration_seconds"):
        raise _invalid("duration_seconds", fields.text("duration_seconds"), "left out")
    request = pb.CloseSessionRequest(
        session_id=fields.text("session_id"),
        call=_call(fields) if fields.has("callee") else None,
        duration_ms=duration_ms,
        answered=fields.flag("answered", default=duration_ms > 0),
        answer_time=fields.time("answer_time"),
        equipment=fields.text("equipment"),
    )
    fields.check_known()
    return request


def _call(fields: Fields) -> pb.ChargedCall:
    kind = fields.choice("call_key_kind", CALL_KEY_KINDS)
    key = fields.text("call_key") or fields.text("session_id")
    return pb.ChargedCall(
        call_key=CallKey(kind=CallKeyKind.ValueType(kind), value=key),
        start_time=fields.time("start_time"),
        **{name: fields.text(name) for name in CALL_TEXTS},
    )


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError:
        raise invalid_field("INVALID_BODY", "body", "it is no form in UTF-8") from None


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    """The members of one flat object; a member that comes twice is kept twice, to be refused."""
    try:
        pairs = json.loads(body or b"{}", object_pairs_hook=_Pairs, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise invalid_field("INVALID_BODY", "body", "it is no JSON object in UTF-8") from None
    if not isinstance(pairs, _Pairs):
        raise invalid_field("INVALID_BODY", "body", "it is no JSON object; send one")
    return [(name, _json_text(name, value)) for name, value in pairs]


class _Pairs(list[tuple[str, Any]]):
    """An object, with its members as they came."""


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _json_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value)
    raise _invalid(name, str(value), "a text, a number, true or false; nothing nested")


def _moment(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return to_micros(moment)
    except (ValueError, TypeError):
        raise _invalid(
            name, text, "seconds since 1970 or ISO 8601 with a zone, e.g. 2026-11-23T10:00:00Z"
        ) from None


def _check_is_text(field: str, text: str) -> None:
    if _NO_TEXT.search(text):
        raise _invalid(field, text, "text: it has NUL, or half a character; remove that")


def _invalid(name: str, text: str, expected: str) -> Exception:
    shown = text[:SHOWN_CHARACTERS_MAX]
    return invalid_field("INVALID_FIELD", name, f"{shown!r} is not {expected}")
