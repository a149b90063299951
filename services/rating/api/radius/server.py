"""The RADIUS servers: authentication and accounting, each on its UDP port."""

import asyncio
import logging
import time
from pathlib import Path

from pyrad.dictionary import Dictionary

from services.rating.api.radius.clients import Clients, ClientsFileError, read_clients
from services.rating.api.radius.door import RadiusDoor
from services.rating.api.radius.listener import Listener
from services.rating.api.radius.packets import ACCOUNTING_CODES, AUTHENTICATION_CODES

DRAIN_SECONDS_MAX = 5.0
# What an operator changes in the clients file holds after this time.
FILE_CHECK_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class ClientsFile:
    """The clients of a file, read again whenever it changes; a mistake leaves the former ones."""

    def __init__(self, path: Path, emergency_numbers: frozenset[str]) -> None:
        self._path = path
        self._emergency_numbers = emergency_numbers
        self._version = path.stat().st_mtime_ns
        self._clients = read_clients(path, emergency_numbers)
        self._checked_at = time.monotonic()

    def current(self) -> Clients:
        """The newest clients."""
        now = time.monotonic()
        if now - self._checked_at >= FILE_CHECK_SECONDS:
            self._checked_at = now
            self._reread()
        return self._clients

    def _reread(self) -> None:
        try:
            version = self._path.stat().st_mtime_ns
            if version != self._version:
                self._version = version
                self._clients = read_clients(self._path, self._emergency_numbers)
        except (OSError, ClientsFileError):
            _logger.exception("the RADIUS clients are left as they were")


class RadiusServer:
    """Both ports of the door."""

    def __init__(self, door: RadiusDoor, clients: ClientsFile, dictionary: Dictionary) -> None:
        self.authentication = Listener(
            AUTHENTICATION_CODES, clients.current, dictionary, door.authorise
        )
        self.accounting = Listener(ACCOUNTING_CODES, clients.current, dictionary, door.account)

    async def serve(self, authentication_address: str, accounting_address: str) -> None:
        """Listen until cancelled, then finish what is in work."""
        await _listen(self.authentication, authentication_address)
        await _listen(self.accounting, accounting_address)
        _logger.info(
            "rating answers RADIUS on %s and %s", authentication_address, accounting_address
        )
        try:
            await asyncio.Event().wait()
        finally:
            await self.authentication.drain(DRAIN_SECONDS_MAX)
            await self.accounting.drain(DRAIN_SECONDS_MAX)


async def _listen(listener: Listener, address: str) -> None:
    host, _, port = address.rpartition(":")
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: listener, local_addr=(host.strip("[]"), int(port))
    )
