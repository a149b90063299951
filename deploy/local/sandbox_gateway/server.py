"""The sandbox gateway's HTTP: Stripe's paths, and our own below /sandbox."""

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from deploy.local.sandbox_gateway.faults import Fault
from deploy.local.sandbox_gateway.gateway import SERVER_ERROR, Answer, Request, SandboxGateway
from deploy.local.sandbox_gateway.methods import METHODS
from deploy.local.sandbox_gateway.refusals import ApiError, invalid, unknown_key

SLOW_SECONDS = 30
API_KEY = re.compile(r"Bearer sk_test_([a-z0-9-]+)_\w+")
# What is answered in place of doing anything.
REFUSALS = {
    Fault.ERROR: SERVER_ERROR,
    Fault.RATE_LIMIT: invalid("rate_limit", "Too many requests", status=429),
    Fault.LOCKED: invalid("lock_timeout", "Another request uses the object", status=429),
    Fault.KEY_IN_USE: invalid("idempotency_key_in_use", "Another has the key", status=409),
    Fault.KEY_REFUSED: unknown_key(),
}
INTENTS = "/v1/payment_intents"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(gateway: SandboxGateway, slow_seconds: float = SLOW_SECONDS) -> web.Application:
    """The web application of a gateway."""

    def stripe(operation: str) -> Handler:
        async def handle(http: web.Request) -> web.StreamResponse:
            return await _answer(gateway, http, operation, slow_seconds)

        return handle

    control = _Control(gateway)
    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/customers/{target}/payment_methods/{method}", stripe("method")),
            web.post(INTENTS, stripe("create")),
            web.get(INTENTS + "/{target}", stripe("retrieve")),
            web.post(INTENTS + "/{target}/confirm", stripe("confirm")),
            web.post(INTENTS + "/{target}/cancel", stripe("cancel")),
            web.get("/", control.tell),
            web.get("/sandbox/taken", control.taken),
            web.get("/sandbox/intents", control.intents),
            web.post("/sandbox/faults", control.plan_fault),
            web.post("/sandbox/methods", control.set_method),
        ]
    )
    return app


async def _answer(
    gateway: SandboxGateway, http: web.Request, operation: str, slow_seconds: float
) -> web.StreamResponse:
    request = await _read(http, operation)
    try:
        account = _account_of(http)
        fault = gateway.fault_of(account, request)
        if fault is Fault.REQUEST_LOST:
            return _hang_up(http)
        refusal = REFUSALS.get(fault) if fault else None
        answer = _refused(refusal) if refusal else gateway.answer(account, request, fault)
    except ApiError as error:
        fault, answer = None, _refused(error)
    return await _send(http, answer, fault, slow_seconds)


async def _read(http: web.Request, operation: str) -> Request:
    form = {name: str(text) for name, text in (await http.post()).items()}
    target = http.match_info.get("target", "")
    method = http.match_info.get("method")
    return Request(
        operation,
        target,
        {**form, "method": method} if method else form,
        http.headers.get("Idempotency-Key", "") if http.method == "POST" else "",
    )


def _account_of(http: web.Request) -> str:
    key = API_KEY.fullmatch(http.headers.get("Authorization", ""))
    if key is None:
        raise unknown_key()
    return key[1]


def _refused(error: ApiError) -> Answer:
    return Answer(error.status, error.body)


async def _send(
    http: web.Request, answer: Answer, fault: Fault | None, slow_seconds: float
) -> web.StreamResponse:
    if fault is Fault.ANSWER_LOST:
        return _hang_up(http)
    if fault is Fault.SLOW:
        await asyncio.sleep(slow_seconds)
    headers = {"Request-Id": f"req_{uuid.uuid4().hex[:14]}"}
    if answer.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    if fault is Fault.ANSWER_CUT:
        return await _send_half(http, answer)
    return web.json_response(answer.body, status=answer.status, headers=headers)


async def _send_half(http: web.Request, answer: Answer) -> web.StreamResponse:
    text = json.dumps(answer.body).encode()
    response = web.StreamResponse(status=answer.status)
    response.content_length = len(text)
    await response.prepare(http)
    await response.write(text[: len(text) // 2])
    return _hang_up(http, response)


def _hang_up(http: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if http.transport is not None:
        http.transport.close()
    return response or web.Response()


class _Control:
    """For people and tests: what was taken, and what shall go wrong."""

    def __init__(self, gateway: SandboxGateway) -> None:
        self._gateway = gateway

    async def tell(self, _: web.Request) -> web.Response:
        lines = [
            "The sandbox gateway of Tollbook: no money moves here.",
            "What it has taken: /sandbox/taken, each intent: /sandbox/intents",
            "Each customer (cus_...) has these payment methods; add _anything for more of a kind:",
            *(f"    {reference}" for reference in METHODS),
        ]
        return web.Response(text="\n".join(lines) + "\n")

    async def taken(self, _: web.Request) -> web.Response:
        return web.json_response(self._gateway.taken())

    async def intents(self, _: web.Request) -> web.Response:
        return web.json_response(self._gateway.intents())

    async def plan_fault(self, http: web.Request) -> web.Response:
        plan = await http.json()
        self._gateway.faults.plan(plan["operation"], Fault(plan["fault"]), plan.get("times", 1))
        return web.json_response({})

    async def set_method(self, http: web.Request) -> web.Response:
        change = await http.json()
        self._gateway.behave(change["method"], change["like"])
        return web.json_response({})
