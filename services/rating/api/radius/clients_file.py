"""The clients file, read again whenever it changes."""

import logging
from pathlib import Path

from services.rating.api.radius.clients import Clients, ClientsFileError, read_clients

_logger = logging.getLogger(__name__)


class ClientsFile:
    """The newest clients; a mistake in the file leaves the former ones."""

    def __init__(self, path: Path, emergency_numbers: frozenset[str]) -> None:
        self._path = path
        self._emergency_numbers = emergency_numbers
        self._clients = read_clients(path, emergency_numbers)
        self._version = _version_of(path)

    def current(self) -> Clients:
        """The clients at this moment; to look at the file's date costs next to nothing."""
        version = _version_of(self._path)
        if version != self._version:
            self._version = version
            self._read()
        return self._clients

    def _read(self) -> None:
        try:
            self._clients = read_clients(self._path, self._emergency_numbers)
        except ClientsFileError:
            _logger.exception("the RADIUS clients are left as they were")


def _version_of(path: Path) -> int:
    """Changes with the file; 0 while there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
