"""Dial plans charge calls over HTTP, as strictly and as exactly as over gRPC."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from chassis.security.authority import LocalAuthority
from chassis.security.tokens import TokenVerifier, TrustedKeys
from services.rating.api.http_charging import ANSWER_SECONDS_MAX, BODY_BYTES_MAX, HttpCharging
from services.rating.domain.charging.transfers import StepResult, TransferStep
from services.rating.usecases.charging.charging_memory import ChargingMemory
from tests.conformance.rating.charging_desk import ChargingDesk, PurseFunds
from tests.conformance.rating.desk import INTERNATIONAL, Desk
from tests.conformance.rating.records import NETHERLANDS, euros
from tests.unit.rating.live_calls import Purse

EURO = 10**6
HOUR_SECONDS = 3_600
# What is not about time must not fail on a busy machine.
PATIENT_SECONDS = 20.0
FORM = "application/x-www-form-urlencoded"


class DialPlan:
    """A switch with a token of the desk's tenant."""

    def __init__(self, desk: Desk, authority: LocalAuthority, client: TestClient[Any, Any]) -> None:
        self.desk = desk
        self.client = client
        self._authority = authority

    def token(self, tenant_id: str = "", scopes: Sequence[str] = ("rating.session",)) -> str:
        tenant_id = tenant_id or self.desk.tenant_id
        return self._authority.mint("switch", tenant_id, scopes, HOUR_SECONDS)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    async def ask(self, action: str, **fields: Any) -> dict[str, str]:
        """One question as a form; a refusal of the request itself fails the test."""
        path = f"/v1/charging/{action}"
        async with self.client.post(path, data=fields, headers=self.bearer) as response:
            text = await response.text()
            assert response.status == 200, text
            assert response.content_type == FORM
            return dict(parse_qsl(text, keep_blank_values=True))

    async def open(self, session_id: str = "s", **fields: Any) -> dict[str, str]:
        return await self.ask("open", **self.call(session_id) | fields)

    def call(self, session_id: str) -> dict[str, Any]:
        return {
            "session_id": session_id,
            "call_key_kind": "sip_call_id",
            "account_id": self.desk.account_id,
            "caller": "31209876543",
            "callee": NETHERLANDS,
            "leg": "a",
        }


class SilentFunds(PurseFunds):
    """payment, when it does not answer."""

    def __init__(self) -> None:
        super().__init__(Purse({}))

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        return await asyncio.Event().wait()  # type: ignore[return-value]


@pytest.fixture
def purse(desk: Desk) -> Purse:
    return Purse({desk.account_id: EURO})


@pytest.fixture
async def dial_plan(desk: Desk, purse: Purse, tmp_path: Path) -> AsyncIterator[DialPlan]:
    """A dial plan before a running door."""
    async for each in dial_plans(desk, PurseFunds(purse), tmp_path, PATIENT_SECONDS):
        yield each


async def dial_plans(
    desk: Desk, funds: PurseFunds, folder: Path, answer_seconds_max: float
) -> AsyncIterator[DialPlan]:
    authority = LocalAuthority.open(folder / "authority")
    verifier = TokenVerifier(TrustedKeys(authority.trusted_keys_file))
    memory = ChargingMemory(desk.database, desk.watch)
    charging = ChargingDesk(desk, funds).charging
    door = HttpCharging(charging, memory, verifier.verify, INTERNATIONAL, answer_seconds_max)
    async with TestClient(TestServer(door.app)) as client:
        yield DialPlan(desk, authority, client)


async def test_a_dial_plan_charges_a_call_with_three_questions(
    dial_plan: DialPlan, purse: Purse
) -> None:
    """A minute costs 0.06: held, extended, and charged by the second."""
    opened = await dial_plan.open()
    assert (opened["verdict"], opened["granted_seconds"]) == ("GRANTED", "60")
    assert (opened["held"], opened["currency"], opened["price_per_minute"]) == (
        "0.06",
        "EUR",
        "0.06",
    )
    assert "" not in opened.values()
    extended = await dial_plan.ask("extend", session_id="s", sequence=1, used_seconds=50)
    assert (extended["granted_seconds"], extended["cost"]) == ("110", "0.05")
    closed = await dial_plan.ask("close", session_id="s", duration_seconds=100)
    assert (closed["verdict"], closed["cost"]) == ("CLOSED", "0.1")
    assert euros([await dial_plan.desk.charge()]) == ["0.1000"]
    assert not purse.held


async def test_json_is_answered_with_json(dial_plan: DialPlan) -> None:
    """One flat object, with numbers where there are numbers."""
    call = dial_plan.call("s") | {"requested_seconds": 30}
    async with dial_plan.client.post(
        "/v1/charging/open", json=call, headers=dial_plan.bearer
    ) as response:
        answer = await response.json()
    assert (answer["granted_seconds"], answer["sip_code"]) == (30, 200)
    assert not any(isinstance(value, dict | list) for value in answer.values())


async def test_a_question_that_is_repeated_gets_the_same_answer(dial_plan: DialPlan) -> None:
    """A second open is the first."""
    assert await dial_plan.open() == await dial_plan.open()


async def test_a_refusal_is_an_answer_in_the_words_of_protocols(
    dial_plan: DialPlan, purse: Purse
) -> None:
    """Without money: 402, cause 21, return code 12."""
    purse.money[dial_plan.desk.account_id] = 0
    refused = await dial_plan.open()
    assert (refused["verdict"], refused["reason"]) == ("REFUSED", "INSUFFICIENT_FUNDS")
    codes = refused["sip_code"], refused["q850_cause"], refused["h323_return_code"]
    assert codes == ("402", "21", "12")


async def test_an_emergency_call_passes_for_nobody(dial_plan: DialPlan) -> None:
    """Whoever calls."""
    answer = await dial_plan.open(account_id="nobody", callee="112")
    assert answer["verdict"] == "GRANTED"


async def test_a_call_that_was_not_opened_is_charged_at_its_end(dial_plan: DialPlan) -> None:
    """The end tells the call then."""
    closed = await dial_plan.ask("close", **dial_plan.call("s") | {"duration_seconds": 60})
    assert (closed["verdict"], closed["cost"]) == ("CLOSED", "0.06")


async def test_an_answer_is_never_late(desk: Desk, tmp_path: Path) -> None:
    """Funds do not answer: the account's policy answers within the deadline."""
    async for dial_plan in dial_plans(desk, SilentFunds(), tmp_path, ANSWER_SECONDS_MAX):
        begin = time.monotonic()
        answer = await dial_plan.open()
        assert time.monotonic() - begin < PATIENT_SECONDS / 2
        assert (answer["verdict"], answer["reason"]) == ("REFUSED", "FUNDS_UNAVAILABLE")


async def test_a_query_is_decoded_once(dial_plan: DialPlan) -> None:
    """A per cent sign of an id is one, as in a form."""
    query = URL("/v1/charging/close?session_id=a%2562", encoded=True)
    async with dial_plan.client.post(query, headers=dial_plan.bearer) as response:
        answer = dict(parse_qsl(await response.text()))
    assert answer["reason"] == "UNKNOWN_SESSION"
    assert "'a%62'" in answer["message"]


async def endless() -> AsyncIterator[bytes]:
    """A body of which only the beginning comes."""
    yield b"session_id="
    await asyncio.Event().wait()


async def test_a_question_that_does_not_end_is_answered(
    dial_plan: DialPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408: nobody holds a connection by saying nothing."""
    monkeypatch.setattr("chassis.http.BODY_SECONDS_MAX", 0.1)
    headers = {**dial_plan.bearer, "Content-Type": FORM}
    async with dial_plan.client.post(
        "/v1/charging/open", data=endless(), headers=headers
    ) as response:
        assert response.status == 408
        assert dict(parse_qsl(await response.text()))["reason"] == "BODY_TOO_SLOW"


def basic(user: str, password: str) -> dict[str, str]:
    credential = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credential}"}


async def test_a_password_of_basic_is_the_token(dial_plan: DialPlan) -> None:
    """For clients that cannot set a header; the user is the tenant."""
    path, call = "/v1/charging/open", dial_plan.call("s")
    for user, token in (
        (dial_plan.desk.tenant_id, dial_plan.token()),
        ("", dial_plan.token()),
        (dial_plan.desk.tenant_id, dial_plan.token("*")),
    ):
        async with dial_plan.client.post(path, data=call, headers=basic(user, token)) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("authorize", "status", "reason"),
    [
        (lambda _: {}, 401, "CREDENTIAL_MISSING"),
        (lambda _: {"Authorization": "Bearer nonsense"}, 401, "TOKEN_INVALID"),
        (lambda _: {"Authorization": "Digest x"}, 401, "TOKEN_INVALID"),
        (lambda plan: basic("other", plan.token()), 403, "TENANT_MISMATCH"),
        (lambda plan: basic("", plan.token("*")), 400, "TENANT_REQUIRED"),
        (
            lambda plan: {"Authorization": f"Bearer {plan.token(scopes=['rating.read'])}"},
            403,
            "SCOPE_MISSING",
        ),
    ],
)
async def test_who_may_not_ask_is_told_why(
    dial_plan: DialPlan, authorize: Any, status: int, reason: str
) -> None:
    """By the same tokens and rights as over gRPC."""
    async with dial_plan.client.post(
        "/v1/charging/open", data=dial_plan.call("s"), headers=authorize(dial_plan)
    ) as response:
        assert response.status == status
        assert dict(parse_qsl(await response.text()))["reason"] == reason
        assert ("WWW-Authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(
    ("method", "action", "body", "content_type", "status", "reason"),
    [
        ("POST", "begin", b"", FORM, 404, "UNKNOWN_PATH"),
        ("GET", "open", b"", FORM, 405, "WRONG_METHOD"),
        ("POST", "open", b"<open/>", "text/xml", 415, "WRONG_CONTENT_TYPE"),
        ("POST", "open", b"a=" + b"x" * BODY_BYTES_MAX, FORM, 413, "BODY_TOO_LARGE"),
        ("POST", "open", b"{", "application/json", 400, "INVALID_BODY"),
        ("POST", "open", b"session_id=s", FORM, 400, "INVALID_FIELD"),
        ("POST", "open", b"call_key_kind=other", FORM, 400, "INVALID_SESSION"),
        ("POST", "close", b"session_id=a%00b", FORM, 400, "INVALID_FIELD"),
        ("POST", "close", b'{"session_id": "a\\ud800"}', "application/json", 400, "INVALID_FIELD"),
        ("POST", "close", b'{"\\ud800": 1}', "application/json", 400, "INVALID_FIELD"),
        ("POST", "extend", b"session_id=s&sequence=0", FORM, 400, "INVALID_SESSION"),
        ("POST", "close", b"session_id=nobody", FORM, 404, "UNKNOWN_SESSION"),
    ],
)
async def test_a_wrong_question_is_answered_with_its_reason(
    dial_plan: DialPlan,
    method: str,
    action: str,
    body: bytes,
    content_type: str,
    status: int,
    reason: str,
) -> None:
    """Two flat fields, in the form in which it was asked."""
    headers = {**dial_plan.bearer, "Content-Type": content_type}
    path = f"/v1/charging/{action}"
    async with dial_plan.client.request(method, path, data=body, headers=headers) as response:
        assert response.status == status
        is_json = content_type == "application/json"
        fields = await response.json() if is_json else dict(parse_qsl(await response.text()))
    assert fields["reason"] == reason
    assert fields["message"]
