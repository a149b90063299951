"""A way to the broker that can lose what the broker sends, as a failing network does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

CHUNK_BYTES = 64 * 1024


class LossyProxy:
    """Passes everything on, until told to lose what comes back."""

    def __init__(self, broker_url: str) -> None:
        self._broker = urlsplit(broker_url)
        self._writers: list[asyncio.StreamWriter] = []
        self._loses = False
        self.url = ""

    @contextlib.contextmanager
    def losing(self) -> Iterator[None]:
        """Lose whatever the broker sends inside, and cut every connection at the end."""
        self._loses = True
        yield
        self.cut()
        self._loses = False

    def cut(self) -> None:
        """Cut every connection; clients may connect again at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with the broker."""
        host, port = self._broker.hostname, self._broker.port
        from_broker, to_broker = await asyncio.open_connection(host, port)
        self._writers += [writer, to_broker]
        with contextlib.suppress(OSError):
            await asyncio.gather(
                self._pass(reader, to_broker), self._pass(from_broker, writer, may_lose=True)
            )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_lose: bool = False
    ) -> None:
        while content := await reader.read(CHUNK_BYTES):
            if not (may_lose and self._loses):
                writer.write(content)
                await writer.drain()


@asynccontextmanager
async def lossy_proxy(broker_url: str) -> AsyncIterator[LossyProxy]:
    """Yield a proxy in front of a broker."""
    proxy = LossyProxy(broker_url)
    server = await asyncio.start_server(proxy.connect, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    parts = urlsplit(broker_url)
    proxy.url = f"nats://{parts.username}:{parts.password}@{address}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
