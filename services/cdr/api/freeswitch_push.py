"""The HTTP door to which FreeSWITCH's mod_json_cdr posts each call.

The switch keeps a record until it gets a 2xx, so that is the answer only once the record is
committed, as a call or in suspense; a record is never refused for its content.
"""

import base64
import binascii
import hmac
import logging
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs, web
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.engine import Database
from chassis.http import BODY_SECONDS_MAX, body_of
from kernel.errors import DomainError, ErrorKind
from services.cdr.domain.framing import DOCUMENT_BYTES_MAX
from services.cdr.domain.records import RawRecord, shown
from services.cdr.domain.source import RecordFormat, Source
from services.cdr.store.sources import get_source_by_code
from services.cdr.usecases.collect_records import Outcome, Result
from services.cdr.usecases.pushed_records import PushedRecords
from services.cdr.usecases.rotate_push_secret import digest_secret

PATH = "/push/freeswitch"
# Percent-encoding takes three bytes for one.
BODY_BYTES_MAX = 3 * DOCUMENT_BYTES_MAX + 1024
BASE64_CONTENT_TYPE = "application/x-www-form-base64-encoded"
FORM_FIELD = b"cdr="

_NO_DIGEST = bytes(32)
_OUTCOMES = {
    Outcome.ACCEPTED: "accepted",
    Outcome.DUPLICATE: "duplicate",
    Outcome.SUSPENDED: "suspended",
}

_logger = logging.getLogger(__name__)


class FreeswitchPush:
    """The door, as an application of aiohttp."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pushed = PushedRecords(database)
        self.app = web.Application(client_max_size=BODY_BYTES_MAX)
        self.app.router.add_post(PATH, self.take)

    async def take(self, request: web.Request) -> web.Response:
        """Take one record."""
        try:
            source = await self._authenticate(request.headers.get(hdrs.AUTHORIZATION, ""))
            content = _document(request.content_type, await body_of(request))
            origin = f"push {shown(request.query.get('uuid', ''))}"
            result = await self._pushed.collect(source, RawRecord(content, origin))
        except web.HTTPRequestEntityTooLarge:
            message = f"the body is larger than {BODY_BYTES_MAX} bytes; leave variables out of it"
            return _error(413, "BODY_TOO_LARGE", message)
        except web.HTTPRequestTimeout:
            return _error(408, "BODY_TOO_SLOW", f"it took more than {BODY_SECONDS_MAX:.0f} s")
        except DomainError as error:
            return _error(_STATUS[error.kind], error.reason, error.message)
        except SQLAlchemyError:
            _logger.exception("a pushed record could not be stored")
            return _error(503, "STORE_UNAVAILABLE", "the record is not stored; push it again")
        return web.json_response(_answer(result))

    async def _authenticate(self, authorization: str) -> Source:
        """The source whose credential this is."""
        user, secret = _credential(authorization)
        tenant_id, _, code = user.rpartition(".")
        source = await self._database.read(lambda c: _find_source(c, tenant_id, code))
        known = source.push_secret_digest if source is not None else b""
        # Compared in any case, so that the time does not tell which sources there are.
        is_right = hmac.compare_digest(known or _NO_DIGEST, digest_secret(secret))
        if source is None or not known or not is_right:
            raise _unauthenticated()
        if source.format is not RecordFormat.FREESWITCH_JSON:
            raise DomainError(
                ErrorKind.FAILED_PRECONDITION,
                "WRONG_FORMAT",
                f"source {source.code!r} does not take FreeSWITCH JSON; push to one that does",
            )
        return source


_STATUS = {
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.INVALID_ARGUMENT: 400,
    ErrorKind.FAILED_PRECONDITION: 409,
    ErrorKind.RESOURCE_EXHAUSTED: 413,
}


def _credential(authorization: str) -> tuple[str, str]:
    """User and secret of HTTP Basic (RFC 7617)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise _unauthenticated() from None
    # What is not printable is no name, and PostgreSQL would not take a NUL.
    if scheme.lower() != "basic" or not colon or not user.isprintable():
        raise _unauthenticated()
    return user, secret


def _find_source(connection: Connection, tenant_id: str, code: str) -> Source | None:
    try:
        return get_source_by_code(connection, tenant_id, code)
    except DomainError:
        return None


def _document(content_type: str, body: bytes) -> bytes:
    """The document in a body, in each of the three ways in which the module encodes it."""
    is_form = body.startswith(FORM_FIELD)
    content = body.removeprefix(FORM_FIELD)
    if is_form and content_type == BASE64_CONTENT_TYPE:
        content = _from_base64(content)
    elif is_form:
        content = unquote_to_bytes(content.replace(b"+", b" "))
    if not content.strip():
        raise DomainError(ErrorKind.INVALID_ARGUMENT, "EMPTY_BODY", "the body has no record")
    if len(content) > DOCUMENT_BYTES_MAX:
        raise DomainError(
            ErrorKind.RESOURCE_EXHAUSTED,
            "BODY_TOO_LARGE",
            f"the record is larger than {DOCUMENT_BYTES_MAX} bytes; leave variables out of it",
        )
    return content


def _from_base64(content: bytes) -> bytes:
    """The decoded document; what is no base64 stays as it came and goes to suspense."""
    try:
        # The module encodes a buffer that is longer than the text, and pads it with zeros.
        return base64.b64decode(content, validate=True).rstrip(b"\0")
    except binascii.Error:
        return content


def _unauthenticated() -> DomainError:
    return DomainError(
        ErrorKind.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        "send HTTP Basic credentials of a source: user '<tenant>.<source code>' and the secret "
        "that RotatePushSecret gave",
    )


def _answer(result: Result) -> dict[str, str]:
    answer = {"outcome": _OUTCOMES[result.outcome]}
    if result.call_id:
        answer["call_id"] = result.call_id.hex()
    if result.rejection is not None:
        answer["reason"] = result.rejection.reason.value
        answer["message"] = result.rejection.message
        answer["suspended_record_id"] = result.suspended_record_id
    return answer


def _error(status: int, reason: str, message: str) -> web.Response:
    headers = {hdrs.WWW_AUTHENTICATE: 'Basic realm="tollbook"'} if status == 401 else None
    return web.json_response({"reason": reason, "message": message}, status=status, headers=headers)
