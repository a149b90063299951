"""The HTTP door of charging: dial plans open, extend and close sessions, one flat answer each."""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from chassis.database.engine import DATABASE_ERRORS
from chassis.grpc.access import BEARER, TENANT, MethodAccess, access_rules, admitted
from chassis.http import BODY_SECONDS_MAX, body_of
from chassis.security import errors
from chassis.security.caller import Caller
from kernel.e164 import NumberPlan
from kernel.errors import DomainError, ErrorKind
from services.rating.api.convert_charging import (
    close_from_proto,
    extend_from_proto,
    open_from_proto,
)
from services.rating.api.http_answers import FORM, JSON, answered, failed, failure
from services.rating.api.http_requests import (
    Fields,
    close_request,
    extend_request,
    fields_of,
    open_request,
)
from services.rating.domain.charging.answer import Answer
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.charging_memory import ChargingMemory

BODY_BYTES_MAX = 16 * 1024
# A call is being set up: later than this no answer is of use.
ANSWER_SECONDS_MAX = 0.25
# Of these, what an answer needs on its way back.
RETURN_SECONDS = 0.03

SERVICE = "tollbook.rating.v1.ChargingService"
BASIC = "Basic "

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Work = Callable[[str, Fields, float], Awaitable[Answer]]

_logger = logging.getLogger(__name__)


class HttpCharging:
    """The door, as an application of aiohttp."""

    def __init__(
        self,
        charging: Charging,
        memory: ChargingMemory,
        verify_token: Callable[[str], Caller],
        plan: NumberPlan,
        answer_seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> None:
        self._charging = charging
        self._answer_seconds_max = answer_seconds_max
        self._memory = memory
        self._verify_token = verify_token
        self._plan = plan
        self._rules = access_rules([SERVICE])
        self.app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_flat_errors])
        for path, method, work in (
            ("/v1/charging/open", "OpenSession", self._open),
            ("/v1/charging/extend", "ExtendSession", self._extend),
            ("/v1/charging/close", "CloseSession", self._close),
        ):
            self.app.router.add_post(path, self._handler(f"{SERVICE}/{method}", work))

    def _handler(self, method: str, work: Work) -> Handler:
        rule = self._rules[method]

        async def handle(request: web.Request) -> web.StreamResponse:
            tenant_id = self._tenant_of(request.headers, rule)
            _check_content_type(request)
            body = await body_of(request)
            expiry = time.monotonic() + self._answer_seconds_max
            fields = fields_of(request.rel_url.raw_query_string, request.content_type, body)
            equipment = fields.text("equipment")
            answer = await _in_time(
                work(tenant_id, fields, expiry - RETURN_SECONDS - time.monotonic()), expiry
            )
            codes = self._memory.return_codes_of(tenant_id, equipment, answer.reason)
            return answered(request, answer, codes)

        return handle

    async def _open(self, tenant_id: str, fields: Fields, seconds: float) -> Answer:
        request = open_from_proto(open_request(fields), self._plan)
        return await self._charging.open(tenant_id, request, seconds)

    async def _extend(self, tenant_id: str, fields: Fields, seconds: float) -> Answer:
        request = extend_from_proto(extend_request(fields))
        return await self._charging.extend(tenant_id, request, seconds)

    async def _close(self, tenant_id: str, fields: Fields, seconds: float) -> Answer:
        request = close_from_proto(close_request(fields), self._plan)
        return await self._charging.close(tenant_id, request, seconds)

    def _tenant_of(self, headers: Mapping[str, str], rule: MethodAccess) -> str:
        """The tenant of who asks: by the same tokens and rights as over gRPC."""
        token, named_tenant = _credential(headers.get(hdrs.AUTHORIZATION, ""))
        caller = self._verify_token(token)
        return admitted(caller, rule, headers.get(TENANT) or named_tenant).tenant_id


def _credential(authorization: str) -> tuple[str, str | None]:
    """The token of a Bearer (RFC 6750), or the password of a Basic whose user is the tenant.

    Clients that cannot set headers, like older dial plans, have a user and a password.
    """
    if not authorization:
        raise errors.credential_missing()
    if authorization.startswith(BEARER):
        return authorization.removeprefix(BEARER), None
    try:
        encoded = authorization.removeprefix(BASIC)
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise errors.token_invalid("it is neither Bearer nor Basic") from None
    return password, user or None


def _check_content_type(request: web.Request) -> None:
    if request.can_read_body and request.content_type not in {JSON, FORM}:
        raise web.HTTPUnsupportedMediaType


async def _in_time(work: Awaitable[Answer], expiry: float) -> Answer:
    """The answer, or DEADLINE_EXCEEDED; what was begun is finished all the same.

    Charging answers in time by itself, by the account's policy for outages; this is for the rest.
    """
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=expiry - time.monotonic())
    if task.done():
        return task.result()
    task.add_done_callback(_tell_late_failure)
    raise DomainError(
        ErrorKind.UNAVAILABLE,
        "DEADLINE_EXCEEDED",
        "there was no answer in time; ask again with the same session and sequence, or let the "
        "call do as it does without a billing system",
    )


def _tell_late_failure(task: asyncio.Future[Answer]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _logger.error("a late request failed", exc_info=task.exception())


_HTTP_FAILURES = {
    404: ("UNKNOWN_PATH", "there is nothing here; POST to /v1/charging/{open,extend,close}"),
    405: ("WRONG_METHOD", "only POST is answered here"),
    408: ("BODY_TOO_SLOW", f"the body did not come within {BODY_SECONDS_MAX:.0f} s; ask again"),
    413: (
        "BODY_TOO_LARGE",
        f"the body has more than {BODY_BYTES_MAX} bytes; send fields only",
    ),
    415: ("WRONG_CONTENT_TYPE", f"the body must be {JSON} or {FORM}"),
}


@web.middleware
async def _flat_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure in two flat fields."""
    try:
        return await handler(request)
    except DomainError as error:
        return failed(request, error)
    except web.HTTPException as error:
        reason, message = _HTTP_FAILURES.get(error.status, ("BAD_REQUEST", error.reason))
        return failure(request, error.status, reason, message)
    except DATABASE_ERRORS:
        _logger.exception("the database does not answer")
        return failure(request, 503, "DATABASE_UNAVAILABLE", "the database is away; ask again")
    except Exception:
        _logger.exception("an HTTP request failed")
        return failure(request, 500, "INTERNAL_ERROR", "it failed unexpectedly; see rating's log")
