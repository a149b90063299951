"""HTTP pushes of FreeSWITCH's mod_json_cdr, in every way in which the module sends them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse, encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer

from chassis.database.engine import Database
from services.cdr.api.freeswitch_push import PATH, FreeswitchPush
from services.cdr.domain.source import RecordFormat
from services.cdr.store.digest import Counts
from services.cdr.usecases.rotate_push_secret import rotate_push_secret
from tests.conformance.cdr.exchange import Exchange
from tests.unit.cdr.freeswitch import freeswitch_document


class Switch:
    """A FreeSWITCH with a credential."""

    def __init__(self, exchange: Exchange, client: TestClient[Any, Any]) -> None:
        self.exchange = exchange
        self.client = client
        self.user = ""
        self.secret = ""

    async def rotate(self) -> None:
        source = self.exchange.source
        credential = await self.exchange.database.write(
            lambda uow: rotate_push_secret(uow, source.tenant_id, source.source_id)
        )
        self.user, self.secret = credential

    async def post(
        self,
        body: str | BytesIO | AsyncIterator[bytes],
        content_type: str = "application/json",
        uuid: str = "u-1",
    ) -> ClientResponse:
        return await self.client.post(
            f"{PATH}?uuid={uuid}",
            data=body,
            headers={
                "Content-Type": content_type,
                "Authorization": encode_basic_auth(self.user, self.secret),
            },
        )

    async def push(self, **variables: str) -> Any:
        response = await self.post(json.dumps(freeswitch_document(**variables)))
        return response.status, await response.json()


@pytest.fixture
async def switch(database: Database) -> AsyncIterator[Switch]:
    exchange = await Exchange.create(database, "acme", RecordFormat.FREESWITCH_JSON)
    await exchange.add_line("alice")
    async with TestClient(TestServer(FreeswitchPush(database).app)) as client:
        switch = Switch(exchange, client)
        await switch.rotate()
        yield switch


async def test_a_call_is_committed_before_it_is_answered(switch: Switch) -> None:
    """The switch forgets a record once it got a 200."""
    status, answer = await switch.push()
    [call] = await switch.exchange.calls()
    assert (status, answer) == (200, {"outcome": "accepted", "call_id": call.call_id.hex()})


async def test_a_repeated_push_is_a_duplicate(switch: Switch) -> None:
    """The answer was lost on the way, so the switch pushes again."""
    await switch.push()
    status, answer = await switch.push()
    assert (status, answer["outcome"]) == (200, "duplicate")
    assert await switch.exchange.counts() == Counts(2, 1, 1, 0, 1)


async def test_each_way_to_encode_the_body_brings_the_same_call(switch: Switch) -> None:
    """encode=false, encode=true and encode=base64 of json_cdr.conf."""
    text = json.dumps(freeswitch_document())
    form = "application/x-www-form-urlencoded"
    await switch.post(text)
    await switch.post("cdr=" + quote(text, safe=""), form)
    padded = text.encode() + bytes(2 * len(text))
    encoded = "cdr=" + base64.b64encode(padded).decode()
    await switch.post(encoded, "application/x-www-form-base64-encoded")
    assert await switch.exchange.counts() == Counts(3, 1, 2, 0, 1)


@pytest.mark.parametrize("body", ["{broken", "cdr=%7Bbroken", "[]", "\x00"])
async def test_a_record_is_never_refused_for_its_content(switch: Switch, body: str) -> None:
    """It is kept with its reason: an error would make the switch push it again for ever."""
    response = await switch.post(body)
    answer = await response.json()
    assert (response.status, answer["reason"]) == (200, "MALFORMED_RECORD")
    [suspended] = await switch.exchange.suspended()
    assert suspended.suspended_record_id == answer["suspended_record_id"]
    assert suspended.origin == "push 'u-1'"


async def test_only_the_newest_secret_opens_the_door(switch: Switch) -> None:
    """After a rotation the former secret is refused at once, and so is every wrong one."""
    former = switch.secret
    await switch.rotate()
    assert (await switch.push())[0] == 200
    for user, secret in [
        (switch.user, former),
        (switch.user, ""),
        ("acme.nobody", switch.secret),
        ("beta.pbx", switch.secret),
        ("pbx", switch.secret),
    ]:
        switch.user, switch.secret = user, secret
        status, answer = await switch.push()
        assert (status, answer["reason"]) == (401, "UNAUTHENTICATED")


async def test_without_credentials_nothing_is_read(switch: Switch) -> None:
    """The answer says which credentials are asked for."""
    response = await switch.client.post(PATH, data="{}")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_source_that_never_got_a_secret_cannot_push(switch: Switch) -> None:
    """An empty digest is no digest of any secret."""
    other = await Exchange.create(switch.exchange.database, "beta", RecordFormat.FREESWITCH_JSON)
    switch.user, switch.secret = f"{other.tenant_id}.{other.source.code}", ""
    assert (await switch.push())[0] == 401


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_a_body_that_is_too_large_is_refused_with_advice(
    switch: Switch, content_type: str
) -> None:
    """Memory is bounded whatever comes; one mebibyte is a hundred usual documents."""
    for size in (1024 * 1024 + 1, 4 * 1024 * 1024):
        response = await switch.post(BytesIO(b"{" + b" " * size), content_type)
        answer = await response.json()
        assert (response.status, answer["reason"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_does_not_come_is_not_waited_for(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch pushes the record again."""
    monkeypatch.setattr("chassis.http.BODY_SECONDS_MAX", 0.1)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    response = await switch.post(endless())
    assert (response.status, (await response.json())["reason"]) == (408, "BODY_TOO_SLOW")


async def test_an_empty_body_is_an_error_of_the_caller(switch: Switch) -> None:
    """There is no record that could be kept."""
    response = await switch.post("cdr=")
    assert (response.status, (await response.json())["reason"]) == (400, "EMPTY_BODY")


async def test_many_pushes_at_once_share_transactions(switch: Switch) -> None:
    """Group commit: far fewer events than calls, and each push gets its own answer."""
    answers = await asyncio.gather(*(switch.push(uuid=f"uuid-{n}") for n in range(60)))
    assert len({answer["call_id"] for _, answer in answers}) == 60
    assert len(await switch.exchange.collected()) < 30
    assert await switch.exchange.counts() == Counts(60, 60, 0, 0, 60)


@pytest.mark.parametrize("user", ["acme.pb\0x", "ac\0me.pbx", "acme.", "." * 5_000])
async def test_a_user_that_cannot_be_is_unknown(switch: Switch, user: str) -> None:
    """A NUL is no trouble of the database, which PostgreSQL would make of it."""
    switch.user = user
    status, answer = await switch.push()
    assert (status, answer["reason"]) == (401, "UNAUTHENTICATED")


async def test_a_damaged_push_stops_no_other(switch: Switch) -> None:
    """Numbers of 5,000 digits, lone surrogates and NULs are kept, and the next call is taken."""
    document = json.dumps(freeswitch_document())
    damaged = [
        document.replace('"16"', "9" * 5_000),
        document.replace("acme", "\\ud800"),
        document.replace("alice", "a\\u0000b"),
    ]
    for body in damaged:
        response = await switch.post(body)
        assert (response.status, (await response.json())["reason"]) == (200, "MALFORMED_RECORD")
    status, answer = await switch.push()
    assert (status, answer["outcome"]) == (200, "accepted")
    assert await switch.exchange.counts() == Counts(4, 1, 0, 3, 1)
