"""Answers in an outage as JSON, to be read again by a later process."""

import json
from dataclasses import asdict
from typing import Any

from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.charging.answer import Answer, Reason, Verdict, WhenExhausted
from services.rating.domain.charging.offline import ChargingRequest, OfflineAnswer
from services.rating.domain.charging.requests import (
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)

_KINDS = {"open": OpenRequest, "extend": ExtendRequest, "close": CloseRequest}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_document(offline: OfflineAnswer) -> bytes:
    """One line of text."""
    document = {**asdict(offline), "kind": _NAMES[type(offline.request)]}
    return json.dumps(document, separators=(",", ":")).encode()


def from_document(text: bytes) -> OfflineAnswer:
    """What was written."""
    document = json.loads(text)
    return OfflineAnswer(
        document["tenant_id"],
        document["account_id"],
        _request(document["kind"], document["request"]),
        _answer(document["answer"]),
        document["answer_micros"],
    )


def _request(kind: str, fields: dict[str, Any]) -> ChargingRequest:
    call = fields.get("call")
    if call is not None:
        fields["call"] = ChargedCall(**{**call, "callee": _number(call["callee"])})
    request: ChargingRequest = _KINDS[kind](**fields)
    return request


def _number(fields: dict[str, Any]) -> DialledNumber:
    return DialledNumber(fields["digits"], NumberKind(fields["kind"]))


def _answer(fields: dict[str, Any]) -> Answer:
    words = {
        "verdict": Verdict(fields["verdict"]),
        "reason": Reason(fields["reason"]),
        "when_exhausted": WhenExhausted(fields["when_exhausted"]),
    }
    return Answer(**{**fields, **words})
