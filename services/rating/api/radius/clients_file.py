"""The clients file, read again whenever it changes."""

import logging
import time
from pathlib import Path

from services.rating.api.radius.clients import Clients, ClientsFileError, read_clients

# What an operator changes holds after this time.
FILE_CHECK_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class ClientsFile:
    """The newest clients; a mistake in the file leaves the former ones."""

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
