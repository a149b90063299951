"""This service's own bearer token, read again whenever its file changes."""

from pathlib import Path


class ServiceToken:
    """The token of a file, which an operator or a sidecar may replace at any time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at = 0
        self._token: str | None = None

    def current(self) -> str | None:
        """The newest token; None for a service that shows a client certificate instead."""
        if self._path is None:
            return None
        changed_at = self._path.stat().st_mtime_ns
        if changed_at != self._read_at:
            self._token = self._path.read_text(encoding="utf-8").strip()
            self._read_at = changed_at
        return self._token
