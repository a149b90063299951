"""Clients of an HTTP door that are silent, slow or too many cost it little, and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

import chassis.http
from chassis.http import body_of, serve_http
from chassis.settings import CommonSettings
from deploy.local.ports import LOOPBACK, free_port, is_listening

SECONDS_MAX = 10
HEAD = b"POST / HTTP/1.1\r\nHost: door\r\n"
QUESTION = HEAD + b"Content-Length: 4\r\n\r\ncall"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await body_of(request))


@asynccontextmanager
async def door() -> AsyncIterator[int]:
    """A door that answers what it is asked; its port."""
    app = web.Application()
    app.router.add_post("/", echo)
    port = free_port()
    serving = asyncio.create_task(serve_http(app, f"{LOOPBACK}:{port}", CommonSettings()))
    async with asyncio.timeout(SECONDS_MAX):
        while not is_listening(port):
            await asyncio.sleep(0.01)
    yield port
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def connected(port: int, said: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(said)
    return reader, writer


async def heard(connection: Connection) -> bytes:
    """All that the door says until it closes the connection."""
    async with asyncio.timeout(SECONDS_MAX):
        answer = await connection[0].read()
    await ended(connection)
    return answer


async def asked(connection: Connection) -> bytes:
    """The answer on a connection that stays open."""
    async with asyncio.timeout(SECONDS_MAX):
        connection[1].write(QUESTION)
        return await connection[0].readuntil(b"call")


async def served(port: int) -> Connection:
    """A new connection that is answered, once the door has seen that another is gone."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            connection = await connected(port)
            try:
                await asked(connection)
            except (asyncio.IncompleteReadError, ConnectionError):
                await ended(connection)
            else:
                return connection


async def ended(connection: Connection) -> None:
    """Close it, whatever the door did before."""
    connection[1].close()
    with suppress(ConnectionError):
        await connection[1].wait_closed()


@pytest.mark.parametrize("said", [b"", HEAD], ids=["silent", "half a head"])
async def test_who_does_not_ask_is_cut_off(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Also after a question that was answered."""
    monkeypatch.setattr(chassis.http, "HEADERS_SECONDS_MAX", 0.2)
    async with door() as port:
        assert await heard(await connected(port, said)) == b""
        connection = await connected(port)
        assert (await asked(connection)).startswith(b"HTTP/1.1 200")
        connection[1].write(said)
        assert await heard(connection) == b""


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and the connection ends."""
    monkeypatch.setattr(chassis.http, "BODY_SECONDS_MAX", 0.2)
    async with door() as port:
        reader, writer = await connected(port, HEAD + b"Content-Length: 4\r\n\r\nca")
        async with asyncio.timeout(SECONDS_MAX):
            assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        await ended((reader, writer))


async def test_one_connection_too_many_is_closed_and_the_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As soon as one of them goes, the next may come."""
    monkeypatch.setattr(chassis.http, "CONNECTIONS_MAX", 2)
    async with door() as port:
        first, second = await served(port), await served(port)
        assert await heard(await connected(port)) == b""
        for connection in (first, second):
            assert (await asked(connection)).startswith(b"HTTP/1.1 200")
        await ended(first)
        third = await served(port)
        await ended(second)
        await ended(third)
