"""A switch with a UDP socket of its own."""

import asyncio
import socket

ANSWER_SECONDS_MAX = 10


class Switch:
    """Sends packets to a port of this machine, and receives what is answered."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        """Send a packet."""
        self._socket.send(data)

    async def receive(self) -> bytes:
        """Wait for an answer."""
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self._socket, 4096), ANSWER_SECONDS_MAX)

    async def ask(self, data: bytes) -> bytes:
        """Send a packet and wait for its answer."""
        self.send(data)
        return await self.receive()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
