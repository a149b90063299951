"""Answers of HTTP: one flat object, as JSON or as a form that dial plans can take apart."""

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import hdrs, web

from kernel.errors import DomainError, ErrorKind
from kernel.money import MICROS_PER_UNIT, NANOS_PER_UNIT
from services.rating.domain.charging.answer import Answer
from services.rating.domain.charging.return_codes import ReturnCodes
from services.rating.domain.decimals import decimal_text

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


STATUS: Mapping[ErrorKind, int] = {
    ErrorKind.INVALID_ARGUMENT: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.PERMISSION_DENIED: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.ALREADY_EXISTS: 409,
    ErrorKind.FAILED_PRECONDITION: 409,
    ErrorKind.ABORTED: 409,
    ErrorKind.RESOURCE_EXHAUSTED: 429,
    ErrorKind.UNAVAILABLE: 503,
}
# A password of HTTP Basic is what clients of every age can send.
CHALLENGE = 'Bearer realm="tollbook", Basic realm="tollbook"'

Flat = Mapping[str, str | int]


def answered(request: web.Request, answer: Answer, codes: ReturnCodes) -> web.Response:
    """What the switch may do. A refusal is an answer: 200."""
    return response(request, 200, flat_answer(answer, codes))


def failed(request: web.Request, error: DomainError) -> web.Response:
    """An expected failure: what was wrong, and the way out."""
    return failure(request, STATUS[error.kind], error.reason, error.message)


def failure(request: web.Request, status: int, reason: str, message: str) -> web.Response:
    """Any failure, in the same two fields."""
    failed = response(request, status, {"reason": reason, "message": message})
    if status == 401:
        failed.headers[hdrs.WWW_AUTHENTICATE] = CHALLENGE
    return failed


def response(request: web.Request, status: int, fields: Flat) -> web.Response:
    """The fields in the form in which the switch asked, or that it accepts."""
    accepted = request.headers.get(hdrs.ACCEPT, "")
    wants_json = JSON in accepted or (FORM not in accepted and request.content_type == JSON)
    if wants_json:
        return web.json_response(fields, status=status)
    # Kamailio cannot take a form apart that has a field without a value.
    told = {name: value for name, value in fields.items() if value != ""}
    return web.Response(text=urlencode(told), status=status, content_type=FORM)


def flat_answer(answer: Answer, codes: ReturnCodes) -> Flat:
    """An answer without any structure; money and prices are decimal numbers."""
    return {
        "session_id": answer.session_id,
        "sequence": answer.sequence,
        "verdict": answer.verdict.name,
        "reason": answer.reason.value,
        "sip_code": codes.sip,
        "sip_reason": codes.sip_phrase,
        "q850_cause": codes.q850,
        "h323_return_code": codes.h323,
        "granted_seconds": answer.granted_seconds,
        "valid_seconds": answer.valid_seconds,
        "ask_again_at_seconds": answer.ask_again_at_seconds,
        "when_exhausted": answer.when_exhausted.name,
        "price_per_minute": decimal_text(answer.price_per_minute_nanos, NANOS_PER_UNIT),
        "currency": answer.currency,
        "held": decimal_text(answer.held_micros, MICROS_PER_UNIT),
        "cost": decimal_text(answer.cost_micros, MICROS_PER_UNIT),
    }
