"""The RADIUS servers: authentication and accounting, each on its UDP port."""

import asyncio
import logging

from pyrad.dictionary import Dictionary

from services.rating.api.radius.clients_file import ClientsFile
from services.rating.api.radius.door import RadiusDoor
from services.rating.api.radius.listener import Listener
from services.rating.api.radius.packets import ACCOUNTING_CODES, AUTHENTICATION_CODES

DRAIN_SECONDS_MAX = 5.0

_logger = logging.getLogger(__name__)


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
