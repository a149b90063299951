"""RADIUS over real sockets: who is answered, how often, and who is not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pyrad.packet import AcctPacket, Packet, StatusServer

from services.rating.api.radius.answers import Reply
from services.rating.api.radius.clients import RadiusClient
from services.rating.api.radius.clients_file import ClientsFile
from services.rating.api.radius.listener import Answer, Listener
from services.rating.api.radius.packets import ACCOUNTING_CODES
from tests.support.udp_switch import Switch
from tests.unit.rating.radius import DICTIONARY, SECRET, accounting_request, clients_file

SECONDS_MAX = 10
CALL = {"Acct-Session-Id": "1", "Acct-Status-Type": 2}


class Server:
    """A listener whose answers the test decides."""

    def __init__(self, folder: Path) -> None:
        self.answered: list[Packet] = []
        self.reply: Reply | None = Reply()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        clients = ClientsFile(clients_file(folder), frozenset())
        answer: Answer = self._answer
        self.listener = Listener(ACCOUNTING_CODES, clients.current, DICTIONARY, answer)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self.listener, local_addr=("127.0.0.1", 0))

    async def counted(self, outcome: str, times: int = 1) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while self.listener.counts[outcome] < times:
                await asyncio.sleep(0.01)

    async def _answer(self, packet: Packet, client: RadiusClient) -> Reply | None:
        await self.may_answer.wait()
        self.answered.append(packet)
        return self.reply


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server on a free port."""
    server = Server(tmp_path)
    await server.start()
    yield server
    await server.listener.drain(SECONDS_MAX)


@pytest.fixture
async def switch(server: Server) -> AsyncIterator[Switch]:
    """A switch that the clients file knows."""
    switch = Switch(server.listener.port)
    yield switch
    switch.close()


def is_signed_answer(request: bytes, response: bytes) -> bool:
    asked = AcctPacket(packet=request, secret=SECRET, dict=DICTIONARY)
    return bool(asked.VerifyReply(asked.CreateReply(packet=response), response))


async def test_a_retransmission_is_answered_alike_and_once(server: Server, switch: Switch) -> None:
    """RFC 5080, section 2.2.2: the same bytes, and the work is not done again."""
    request = accounting_request(CALL)
    switch.send(request)
    first = await switch.receive()
    switch.send(request)
    assert await switch.receive() == first
    assert is_signed_answer(request, first)
    assert len(server.answered) == 1


async def test_a_retransmission_of_what_is_in_work_waits(server: Server, switch: Switch) -> None:
    """One answer for both; the second would come to the same socket."""
    server.may_answer.clear()
    request = accounting_request(CALL)
    switch.send(request)
    switch.send(request)
    await server.counted("duplicate")
    server.may_answer.set()
    assert is_signed_answer(request, await switch.receive())
    assert server.listener.counts["answered"] == len(server.answered) == 1


async def test_what_could_not_be_answered_is_tried_again(server: Server, switch: Switch) -> None:
    """Nothing is acknowledged before it is committed; the switch repeats it."""
    server.reply = None
    request = accounting_request(CALL)
    switch.send(request)
    await server.counted("unanswered")
    server.reply = Reply()
    switch.send(request)
    assert is_signed_answer(request, await switch.receive())


async def test_another_request_under_the_same_number_is_another(
    server: Server, switch: Switch
) -> None:
    """The identifier has eight bits and comes round."""
    for name in ("1", "2"):
        packet = AcctPacket(id=7, secret=SECRET, dict=DICTIONARY)
        packet.AddAttribute("Acct-Session-Id", name)
        switch.send(packet.RequestPacket())
        await switch.receive()
    assert [packet["Acct-Session-Id"] for packet in server.answered] == [["1"], ["2"]]


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (lambda: accounting_request(CALL, secret=b"another secret"), "wrong_secret"),
        (lambda: accounting_request(CALL)[:-1], "malformed"),
        (lambda: b"GET / HTTP/1.1\r\n\r\n", "malformed"),
        (lambda: b"", "malformed"),
    ],
)
async def test_what_cannot_be_trusted_is_dropped_and_counted(
    server: Server, switch: Switch, data: Callable[[], bytes], outcome: str
) -> None:
    """Without a word; the next one is answered."""
    switch.send(data())
    await server.counted(outcome)
    switch.send(accounting_request(CALL))
    await switch.receive()
    assert len(server.answered) == 1


async def test_strangers_are_dropped_and_counted(server: Server, tmp_path: Path) -> None:
    """Whoever is not in the file is not answered, whatever the secret; a change of it holds."""
    entry = (tmp_path / "clients.toml").read_text()
    (tmp_path / "clients.toml").write_text(entry.replace("127.0.0.1", "192.0.2.1"))
    stranger = Switch(server.listener.port)
    async with asyncio.timeout(SECONDS_MAX):
        while not server.listener.counts["unknown_client"]:
            stranger.send(accounting_request(CALL))
            await asyncio.sleep(0.05)
    stranger.close()
    assert server.answered == []


async def test_a_broken_file_leaves_the_clients_as_they_were(
    server: Server, switch: Switch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A slip of an operator shuts no switch out."""
    (tmp_path / "clients.toml").write_text("[[client")
    async with asyncio.timeout(SECONDS_MAX):
        while "left as they were" not in caplog.text:
            switch.send(accounting_request(CALL))
            await switch.receive()
            await asyncio.sleep(0.05)
    assert not server.listener.counts["unknown_client"]


async def test_a_question_of_health_is_answered(server: Server, switch: Switch) -> None:
    """Status-Server (RFC 5997), without any work."""
    packet = AcctPacket(code=StatusServer, secret=SECRET, dict=DICTIONARY)
    request = packet.RequestPacket()
    switch.send(request)
    assert is_signed_answer(request, await switch.receive())
    assert server.answered == []


async def test_a_bug_is_logged_and_not_answered(
    server: Server, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server goes on."""
    server.reply = Reply((("No-Such-Attribute", 1),))
    switch.send(accounting_request(CALL))
    async with asyncio.timeout(SECONDS_MAX):
        while "could not be answered" not in caplog.text:
            await asyncio.sleep(0.01)
    server.reply = Reply()
    switch.send(accounting_request({**CALL, "Acct-Session-Id": "2"}))
    assert await switch.receive()
