"""Takes RADIUS packets from one UDP port: who sent it, is it whole, is it new; then answers it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from opentelemetry import metrics
from pyrad.dictionary import Dictionary
from pyrad.packet import Packet, StatusServer

from services.rating.api.radius.answers import ACKNOWLEDGED, Reply
from services.rating.api.radius.clients import Clients, RadiusClient
from services.rating.api.radius.duplicates import Duplicates, Key
from services.rating.api.radius.packets import BadPacketError, decode, encode, fingerprint

REQUESTS_AT_ONCE_MAX = 1_000
# Of so many troublesome addresses is the log told.
TROUBLES_TOLD_MAX = 1_000

PACKETS = "tollbook.radius.packets"

Answer = Callable[[Packet, RadiusClient], Awaitable[Reply | None]]
"""None leaves a request without an answer, so that its client repeats it."""

_packets = metrics.get_meter("tollbook").create_counter(
    PACKETS, description="RADIUS packets by what became of them."
)
_logger = logging.getLogger(__name__)


class Listener(asyncio.DatagramProtocol):
    """One port. Nothing is ever said to strangers, nor to who sends what cannot be read."""

    def __init__(
        self,
        codes: frozenset[int],
        clients: Callable[[], Clients],
        dictionary: Dictionary,
        answer: Answer,
    ) -> None:
        self._codes = codes
        self._clients = clients
        self._dictionary = dictionary
        self._answer = answer
        self._duplicates = Duplicates()
        self._running: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, str]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go out."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Take a packet."""
        host, port = address[:2]
        client = self._clients().find(host)
        if client is None:
            return self._count("unknown_client", host)
        try:
            packet = decode(data, client, self._dictionary, self._codes)
        except BadPacketError as error:
            return self._count(str(error), host)
        key = (host, port, fingerprint(data))
        if len(self._running) >= REQUESTS_AT_ONCE_MAX:
            return self._count("overload", host)
        if not self._duplicates.is_new(key):
            return self._repeat(key, address)
        self._start(self._respond(packet, client, key, address))
        return None

    @property
    def is_listening(self) -> bool:
        """Whether its port is open."""
        return self._transport is not None and not self._closed.is_set()

    @property
    def port(self) -> int:
        """Where it listens, for whoever asked for a free port."""
        assert self._transport is not None, "it does not listen yet"
        return int(self._transport.get_extra_info("sockname")[1])

    async def drain(self, seconds_max: float) -> None:
        """Finish what is in work, then close."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds_max)
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the port is closed."""
        self._closed.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _respond(
        self, packet: Packet, client: RadiusClient, key: Key, address: tuple[str, int]
    ) -> None:
        response = await self._response(packet, client)
        if response is None:
            self._duplicates.forget(key)
            return self._count("unanswered", address[0])
        self._duplicates.keep(key, response)
        self._send(response, address)
        return self._count("answered", address[0])

    async def _response(self, packet: Packet, client: RadiusClient) -> bytes | None:
        try:
            is_question_of_health = packet.code == StatusServer
            reply = ACKNOWLEDGED if is_question_of_health else await self._answer(packet, client)
            return None if reply is None else encode(packet, reply)
        except Exception:
            _logger.exception("a RADIUS request could not be answered", extra={"peer": client.name})
            return None

    def _repeat(self, key: Key, address: tuple[str, int]) -> None:
        """Answer a retransmission alike; while the first is in work, its answer will do."""
        response = self._duplicates.response(key)
        if response is not None:
            self._send(response, address)
        self._count("duplicate", address[0])

    def _send(self, response: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(response, address)

    def _count(self, outcome: str, host: str) -> None:
        self.counts[outcome] += 1
        _packets.add(1, {"outcome": outcome})
        trouble = (outcome, host)
        is_trouble = outcome not in {"answered", "duplicate"}
        if is_trouble and trouble not in self._told and len(self._told) < TROUBLES_TOLD_MAX:
            self._told.add(trouble)
            _logger.warning("RADIUS packets from %s are dropped: %s", host, outcome)
