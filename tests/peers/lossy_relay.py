"""A UDP relay before the accounting port that loses the first answer, as networks do."""

import asyncio
from typing import cast

from deploy.local.ports import LOOPBACK

Address = tuple[str, int]


class LossyRelay(asyncio.DatagramProtocol):
    """Hands on what comes, and back what is answered, but for the first answer."""

    def __init__(self, server_port: int) -> None:
        self._server = (LOOPBACK, server_port)
        self._transport: asyncio.DatagramTransport | None = None
        self._switch: Address | None = None
        self.requests: list[bytes] = []
        self.answers: list[bytes] = []

    async def start(self) -> int:
        """Listen, and tell where."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, (LOOPBACK, 0))
        return int(transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        assert self._transport is not None
        if address != self._server:
            self._switch = address
            self.requests.append(data)
            self._transport.sendto(data, self._server)
            return
        self.answers.append(data)
        if len(self.answers) > 1:
            self._transport.sendto(data, self._switch)

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
